//! A line of the shell that somebody else wrote, and that is given something.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Runs a line with `input` on its standard input: a file, so that a command never takes the beginning for all of it, and
/// one that does not read holds nobody up. It is not told the token of the API, and has a process group of its own: ctrl-C
/// is for who runs it.
pub fn command(line: &str, input: File) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).env_remove("ECAP_TOKEN").stdin(input).process_group(0);
    command
}

/// Ends a command with all that it started, and waits for it.
pub fn kill(child: &mut Child) {
    let group = format!("kill -s KILL -- -{}", child.id());
    // A group that is gone already, or a system without a shell: then the command itself is what is left.
    drop(Command::new("sh").args(["-c", &group]).stderr(Stdio::null()).status());
    drop(child.kill().and_then(|()| child.wait()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_command_is_told_no_token() {
        let command = command("true", tempfile::tempfile().unwrap());
        assert!(command.get_envs().any(|(name, value)| name == "ECAP_TOKEN" && value.is_none()));
    }

    #[test]
    fn what_a_command_started_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, began) = (folder.path().join("pipe"), folder.path().join("began"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let line = format!("exec 9> {}; sleep 1000 & touch {}; wait", pipe.display(), began.display());
        let mut child = command(&line, tempfile::tempfile().unwrap()).spawn().unwrap();
        // Ends when nobody has the other end any more.
        let ends = std::thread::spawn(move || std::fs::read(pipe).unwrap());
        while !began.exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        kill(&mut child);
        assert_eq!(ends.join().unwrap(), [0; 0]);
    }
}
