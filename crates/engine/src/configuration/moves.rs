//! `moved` and `removed` blocks.
//!
//! Source: OpenTofu and Terraform `internal/configs/moved.go`, `removed.go`, `internal/addrs/move_endpoint.go`,
//! `remove_endpoint.go`, `remove_target.go`.

use super::addresses::{Keys, Mode, Target, target};
use super::body::{Block, Content};
use super::declarations::Reader;
use super::schemas;
use airtight_hcl::schema::BodySchema;
use airtight_provider::EngineName;

/// An address that a block gives.
enum Endpoint {
    Sound(Target),
    /// It is refused, or not there.
    None,
    /// It was not read.
    Unknown,
}

impl<'a> Reader<'a> {
    pub(super) fn moved(&mut self, block: &Block<'a>) {
        self.found.records.push(("moved", block.place.clone()));
        let content = self.content(block, &schemas::MOVED);
        let ends = ["from", "to"].map(|name| self.endpoint(&content, name, Keys::Allowed));
        if self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, 11, 0) {
            for (end, name) in ends.iter().zip(["from", "to"]) {
                let is_refused = match end {
                    Endpoint::None => true,
                    Endpoint::Sound(Target::Resource { mode, .. }) => *mode == Mode::Ephemeral,
                    Endpoint::Sound(Target::Module) | Endpoint::Unknown => false,
                };
                if is_refused {
                    let detail =
                        format!("The resource referenced by the \"{name}\" attribute is not allowed to be moved.");
                    self.problems().refuse("Invalid \"moved\" address", detail, block.place.clone());
                }
            }
        }
        if let [Endpoint::Sound(from), Endpoint::Sound(to)] = &ends
            && (*from == Target::Module) != (*to == Target::Module)
        {
            let detail =
                "The \"from\" and \"to\" addresses must either both refer to resources or both refer to modules.";
            self.problems().refuse("Invalid \"moved\" addresses", detail, block.place.clone());
        }
    }

    fn endpoint(&mut self, content: &Content<'a>, name: &str, keys: Keys) -> Endpoint {
        let Some(attribute) = content.attributes.get(name) else { return Endpoint::None };
        if attribute.value.is_unread() {
            return Endpoint::Unknown;
        }
        let Some(reference) = attribute.value.static_reference() else {
            self.refuse_reference(&attribute.value);
            return Endpoint::None;
        };
        match target(reference, keys, self.engine) {
            Ok(target) => Endpoint::Sound(target),
            Err(summary) => {
                let detail = "This is not the address of a resource or a module, as it is asked for here.";
                self.problems().refuse(summary, detail, attribute.value.place());
                Endpoint::None
            }
        }
    }

    pub(super) fn removed(&mut self, block: &Block<'a>) {
        self.found.records.push(("removed", block.place.clone()));
        let content = self.content(block, &self.schemas.removed());
        let from = self.endpoint(&content, "from", Keys::Refused);
        let is_tofu = self.engine.name == EngineName::Tofu;
        if let Endpoint::Sound(Target::Resource { mode, .. }) = &from {
            let summary = match mode {
                Mode::Managed => None,
                Mode::Data if is_tofu => Some("Data source address is not allowed"),
                Mode::Data => Some("Data source address not allowed"),
                Mode::Ephemeral => is_tofu.then_some("Ephemeral resource address is not allowed"),
            };
            if let Some(summary) = summary {
                let detail = "Only what is kept in the state can be removed from it.";
                self.problems().refuse(summary, detail, block.place.clone());
            }
        }
        let is_module = matches!(from, Endpoint::Sound(Target::Module));
        let is_managed = matches!(from, Endpoint::Sound(Target::Resource { mode: Mode::Managed, .. }));
        let is_unknown = matches!(from, Endpoint::Unknown);
        for (index, inner) in content.blocks.iter().enumerate() {
            let is_repeated = content.blocks[..index].iter().any(|earlier| earlier.kind == inner.kind);
            match inner.kind {
                "lifecycle" if is_repeated && is_tofu => {
                    let detail = "The removed block already has a lifecycle block.";
                    self.problems().refuse("Duplicate lifecycle block", detail, inner.place.clone());
                }
                "lifecycle" => {
                    let schema = BodySchema { required: &[], optional: &["destroy"], blocks: &[] };
                    let content = self.content(inner, &schema);
                    self.check_bool(&content, "destroy");
                }
                "connection" | "provisioner" if !is_tofu && !is_managed && !is_unknown => {
                    let summary = format!("Invalid {} block", inner.kind);
                    let detail = "It is valid only when a removed block targets a managed resource.";
                    self.problems().refuse(&summary, detail, inner.place.clone());
                }
                "connection" if is_repeated => {
                    let detail = "This \"removed\" block already has a connection block.";
                    self.problems().refuse("Duplicate connection block", detail, inner.place.clone());
                }
                "provisioner" => self.removed_provisioner(inner, block, is_module),
                _ => {}
            }
        }
    }

    /// Only destroying is left to do for what is removed.
    fn removed_provisioner(&mut self, inner: &Block<'a>, removed: &Block<'a>, is_module: bool) {
        let Some(is_for_destroying) = self.provisioner(inner) else { return };
        let is_tofu = self.engine.name == EngineName::Tofu;
        if !is_for_destroying {
            let summary = if is_tofu { "Invalid \"removed.provisioner\" block" } else { "Invalid provisioner block" };
            let detail = "Only destroy-time provisioners are valid in \"removed\" blocks: when = destroy.";
            self.problems().refuse(summary, detail, inner.place.clone());
        } else if is_tofu && is_module {
            let detail = "\"removed\" blocks containing \"provisioner\"s can only target resources.";
            self.problems().refuse("Invalid \"removed\" block", detail, removed.place.clone());
        }
    }
}
