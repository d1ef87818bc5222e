//! Opt-outs under every order of three events; longer ones are played by `cargo prove interleavings`.

use system_tests::interleavings;

#[test]
fn an_address_that_said_no_is_never_mailed_whatever_happens_in_whatever_order() {
    assert!(interleavings::count(3) > 500);
    let broken = interleavings::broken(3, false);
    let replay: Vec<String> =
        broken.iter().map(|(story, why)| format!("cargo prove interleavings --order {story}: {why}")).collect();
    assert_eq!(replay, [] as [String; 0]);
}
