//! What is wrong with Spacelift's files.

mod shell_quoting;
pub mod stack_files;
mod workflow_command;
pub mod workflow_file;
