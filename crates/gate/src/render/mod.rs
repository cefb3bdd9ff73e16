//! Arguments and files from templates: values in, text out; no files, no environment.
//!
//! Templates live in `templates/` and are part of the binary. An image may replace single commands: its texts arrive as
//! values here.

mod cli_config;
mod command;
mod quoted;
mod settings;
pub mod template;

pub use cli_config::{CliConfigContext, cli_config};
pub use command::{CommandValues, command_arguments, command_template};
pub use settings::settings;
pub use template::RenderError;
