//! Whether a result can go where it should, asked before the work begins.

use super::OutputError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What happens to a result that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The command is refused.
    Refuse,
    /// It is replaced; inputs still are not.
    Replace,
}

/// A file that will be written.
#[derive(Debug, Clone, Copy)]
pub struct OutputFile<'a> {
    /// Its name.
    pub path: &'a Path,
    /// The option that names it, such as `--out`.
    pub option: &'static str,
    /// The endings it may have, without dot; none: any.
    pub endings: &'static [&'static str],
}

impl OutputFile<'_> {
    /// Refuses what may not be written, and tries what may: its folder is made if need be.
    ///
    /// # Errors
    /// A wrong ending, one of `inputs` under any of its names, a result that is there and is to stay, or what the system says.
    pub fn check<P: AsRef<Path>>(
        &self,
        inputs: &[P],
        existing: Existing,
    ) -> Result<(), OutputError> {
        let (path, option) = (self.path, self.option);
        let is_allowed = |ending: &str| self.endings.iter().any(|e| e.eq_ignore_ascii_case(ending));
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !self.endings.is_empty() && !ending.is_some_and(is_allowed) {
            return Err(OutputError::Ending {
                path: path.to_owned(),
                option,
                endings: self.endings,
            });
        }
        refuse_input(path, inputs, option)?;
        match path.metadata() {
            Ok(about) if !about.is_file() => Err(OutputError::OtherKind {
                path: path.to_owned(),
                option,
                wanted: "file",
            }),
            Ok(_) if existing == Existing::Refuse => Err(OutputError::Exists {
                path: path.to_owned(),
                option,
            }),
            _ => try_folder(folder_of(path), option),
        }
    }
}

/// A folder that results will be written into.
#[derive(Debug, Clone, Copy)]
pub struct OutputFolder<'a> {
    /// Its name.
    pub path: &'a Path,
    /// The option that names it, such as `--clips`.
    pub option: &'static str,
}

impl OutputFolder<'_> {
    /// Tries whether files can be written into it, or whether it can be made where it is not there; leaves nothing.
    ///
    /// # Errors
    /// If it is a file, or the system refuses.
    pub fn check(&self) -> Result<(), OutputError> {
        if self.path.is_file() {
            return Err(OutputError::OtherKind {
                path: self.path.to_owned(),
                option: self.option,
                wanted: "folder",
            });
        }
        try_folder(nearest(self.path), self.option)
    }
}

/// The folder, or else the deepest there is of those that it will lie in.
fn nearest(folder: &Path) -> &Path {
    let mut above = folder
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty());
    above.find(|path| path.exists()).unwrap_or(Path::new("."))
}

/// Refuses a file that is one of `inputs`, whether by its path, a link, or another name of the same file. What does not
/// exist is no input.
///
/// # Errors
/// [`OutputError::IsInput`]
pub fn refuse_input<P: AsRef<Path>>(
    path: &Path,
    inputs: &[P],
    option: &'static str,
) -> Result<(), OutputError> {
    let is_same = |input: &&P| same_file::is_same_file(path, input.as_ref()).unwrap_or(false);
    match inputs.iter().find(is_same) {
        None => Ok(()),
        Some(input) => Err(OutputError::IsInput {
            path: path.to_owned(),
            input: input.as_ref().to_owned(),
            option,
        }),
    }
}

fn folder_of(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Makes a folder and a file in it, which is removed at once.
fn try_folder(folder: &Path, option: &'static str) -> Result<(), OutputError> {
    let refused = |source: io::Error| OutputError::NotWritable {
        path: folder.to_owned(),
        option,
        source,
    };
    fs::create_dir_all(folder).map_err(refused)?;
    let trial: PathBuf = folder.join("trial");
    crate::whole_file::try_beside(&trial).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(path: &Path) -> OutputFile<'_> {
        OutputFile {
            path,
            option: "--out",
            endings: &["csv", "txt"],
        }
    }

    #[test]
    fn an_input_is_refused_under_every_name_even_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.csv");
        fs::write(&own, "marks").unwrap();
        let linked = folder.path().join("linked.csv");
        fs::hard_link(&own, &linked).unwrap();
        let mut names = vec![own.clone(), folder.path().join("./own.csv"), linked];
        #[cfg(unix)]
        {
            let link = folder.path().join("link.csv");
            std::os::unix::fs::symlink(&own, &link).unwrap();
            names.push(link);
        }
        for name in names {
            let refused = out(&name).check(&[&own], Existing::Replace).unwrap_err();
            assert!(matches!(refused, OutputError::IsInput { .. }), "{refused}");
        }
        assert_eq!(fs::read(&own).unwrap(), b"marks");
    }

    #[test]
    fn a_result_is_replaced_only_by_force_and_what_is_no_file_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("found.csv");
        let none: [&Path; 0] = [];
        out(&path).check(&none, Existing::Refuse).unwrap();
        fs::write(&path, "events").unwrap();
        let refused = out(&path).check(&none, Existing::Refuse).unwrap_err();
        assert!(
            refused.to_string().contains("`--force` replaces it"),
            "{refused}"
        );
        out(&path).check(&none, Existing::Replace).unwrap();
        let folder = folder.path().join("folder.csv");
        fs::create_dir(&folder).unwrap();
        assert!(out(&folder).check(&none, Existing::Replace).is_err());
    }

    #[test]
    fn an_ending_that_is_not_what_is_written_is_refused_with_those_that_are() {
        let refused = out(Path::new("found.onnx")).check::<&Path>(&[], Existing::Replace);
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("found.onnx") && said.contains(".csv or .txt"),
            "{said}"
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_without_leaving_anything() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let below = file.join("found.csv");
        assert!(out(&below).check::<&Path>(&[], Existing::Refuse).is_err());
        let made = folder.path().join("new/found.csv");
        out(&made).check::<&Path>(&[], Existing::Refuse).unwrap();
        assert_eq!(fs::read_dir(made.parent().unwrap()).unwrap().count(), 0);
    }
}
