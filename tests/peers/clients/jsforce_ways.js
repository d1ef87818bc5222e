// jsforce as its users call it: `jsforce_ways.js BASE_URL`. Prints one JSON line for each way, with what the library gave.
// Only the login address differs from everyday use.
'use strict';

const jsforce = require('jsforce');

const KEY = 'Sales_Activity_Key__c';
const base = process.argv[2];

function tell(way, rows, extra = {}) {
  process.stdout.write(JSON.stringify({ way, rows, ...extra }) + '\n');
}

function plain(record) {
  const { attributes, ...rest } = record;
  return rest;
}

function ids(results) {
  for (const result of results) {
    if (!result.success) throw new Error(JSON.stringify(result));
  }
  return results.map((result) => result.id);
}

async function write(connection) {
  const people = (await connection.query('SELECT Id FROM Contact ORDER BY Id LIMIT 450')).records;
  const wanted = people.map((person, n) => ({
    Subject: `Call ${n} "ü" \\ '`, WhoId: person.Id, Status: 'Completed', Type: 'Call', [KEY]: `jsforce-${n}`,
  }));
  const tasks = connection.sobject('Task');
  const made = ids(await tasks.create(wanted, { allowRecursive: true }));
  // The later ones get another subject by the upsert below.
  const kept = ({ Subject, ...rest }, n) => (n < 300 ? { Subject, ...rest } : rest);
  tell('create in collections', wanted.map((task, n) => ({ Id: made[n], ...kept(task, n) })));
  const edits = made.slice(0, 250).map((Id, n) => ({ Id, Description: `line ${n}\nsecond` }));
  ids(await tasks.update(edits, { allowRecursive: true }));
  tell('update in collections', edits);
  const upserts = [];
  for (let n = 300; n < 480; n += 1) upserts.push({ [KEY]: `jsforce-${n}`, Subject: `again ${n}` });
  const done = await tasks.upsert(upserts, KEY);
  const created = done.filter((result) => result.created).length;
  if (created !== 30) throw new Error(`${created} created, not 30`);
  tell('upsert in collections', upserts.map((task, n) => ({ Id: ids(done)[n], ...task })));
  const gone = made.slice(400, 440);
  ids(await tasks.destroy(gone));
  tell('delete in collections', gone.map((Id) => ({ Id, IsDeleted: true })));
  const single = await tasks.create({ Subject: 'single', [KEY]: 'jsforce-single' });
  await tasks.update({ Id: single.id, Priority: 'High' });
  await tasks.upsert({ [KEY]: 'jsforce-single', Status: 'In Progress' }, KEY);
  tell('one record at a time', [{ Id: single.id, Subject: 'single', Priority: 'High', Status: 'In Progress' }]);
}

async function read(connection) {
  for (const name of ['Contact', 'Lead']) {
    const described = await connection.sobject(name).describe();
    tell(`describe of ${name}`, described.fields.map(({ name: field, type, length }) => ({ field, type, length })));
    const fields = described.fields.map((field) => field.name);
    const found = await connection.query(`SELECT ${fields} FROM ${name}`, { autoFetch: true, maxFetch: 100000 });
    tell(`query of ${name} with pages`, found.records.map(plain));
  }
  const every = await connection.query('SELECT Id, Subject, IsDeleted, WhoId FROM Task', {
    autoFetch: true, maxFetch: 100000, scanAll: true,
  });
  tell('queryAll of Task', every.records.map(plain));
  const [from, to] = [new Date(Date.now() - 5 * 3600e3), new Date(Date.now() + 120e3)];
  const span = { since: from.getTime() / 1000 };
  const updated = await connection.sobject('Task').updated(from, to);
  tell('updated tasks', updated.ids, span);
  const deleted = await connection.sobject('Task').deleted(from, to);
  tell('deleted tasks', deleted.deletedRecords.map((record) => record.id), span);
  const global = await connection.describeGlobal();
  tell('all objects', global.sobjects.map((object) => object.name));
}

async function refusals(connection) {
  const codes = [];
  for (const act of [
    () => connection.query('SELECT Nope FROM Lead'),
    () => connection.sobject('Task').create({ Type: 'Nope' }),
    () => connection.sobject('Task').retrieve('00T000000000009'),
  ]) {
    await act().then(() => codes.push('none'), (error) => codes.push(error.errorCode));
  }
  tell('refusals', codes, { refused: 3 });
}

async function main() {
  const oauth2 = { loginUrl: base, clientId: 'simulator', clientSecret: 'simulator-secret' };
  const connection = new jsforce.Connection({ loginUrl: base, oauth2 });
  const user = await connection.authorize({ grant_type: 'client_credentials' });
  tell('login', [user.id]);
  await write(connection);
  await read(connection);
  await refusals(connection);
  if (!(connection.limitInfo.apiUsage.used > 10)) throw new Error('no usage was told');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
