//! The folder that is deployed: the template as it is, byte for byte, and beside it each function's folder with nothing but its program.

use std::fs;
use std::path::{Path, PathBuf};

use super::template::{Function, TEMPLATE};
use crate::failure::CommandFailure;

/// Name of a function's program, as Lambda's own runtimes want it.
const BOOTSTRAP: &str = "bootstrap";

/// Lays out the folder and gives the path of the template in it.
///
/// # Errors
/// When a file cannot be read or written.
pub fn lay_out(root: &Path, stage: &Path, programs: &[(Function, PathBuf)]) -> Result<PathBuf, CommandFailure> {
    let cannot =
        |path: &Path, e: std::io::Error| CommandFailure::Wrong(format!("cannot stage {}: {e}", path.display()));
    let template = stage.join(TEMPLATE);
    fs::copy(root.join(TEMPLATE), &template).map_err(|e| cannot(&template, e))?;
    for (function, program) in programs {
        let folder = stage.join(&function.code_uri);
        fs::create_dir_all(&folder).map_err(|e| cannot(&folder, e))?;
        let bootstrap = folder.join(BOOTSTRAP);
        // A link costs nothing; between file systems there is none.
        fs::hard_link(program, &bootstrap)
            .or_else(|_| fs::copy(program, &bootstrap).map(drop))
            .map_err(|e| cannot(program, e))?;
    }
    Ok(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_copied_byte_for_byte_and_folders_hold_one_program() {
        let folder = tempfile::tempdir().unwrap();
        let (root, stage) = (folder.path().join("root"), folder.path().join("stage"));
        for made in [&root, &stage] {
            fs::create_dir_all(made).unwrap();
        }
        let bytes = b"Transform: x\r\n# \xc3\xa4\xff no newline at the end";
        fs::write(root.join(TEMPLATE), bytes).unwrap();
        let program = root.join("worker");
        fs::write(&program, "program").unwrap();
        let function = Function { name: "worker".into(), code_uri: "functions/worker".into() };

        let template = lay_out(&root, &stage, &[(function, program)]).unwrap();
        assert_eq!(fs::read(template).unwrap(), bytes);
        let held: Vec<_> =
            fs::read_dir(stage.join("functions/worker")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(held, [BOOTSTRAP]);
        assert_eq!(fs::read(stage.join("functions/worker/bootstrap")).unwrap(), b"program");
    }
}
