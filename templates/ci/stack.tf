# A Spacelift stack behind airtight: the image is pinned, the workflow file is mounted, the repository's runtime configuration is ignored.
# Make the two files first: airtight render workflow > workflow.yml, airtight render hooks hooks.

terraform {
  required_providers {
    spacelift = {
      source  = "spacelift-io/spacelift"
      version = ">= 1.53.5"
    }
  }
}

variable "runner_image" {
  description = "The runner image, by digest."
  type        = string

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.runner_image))
    error_message = "Pin the image: registry.example.com/runner@sha256:..."
  }
}

variable "repository" {
  type = string
}

resource "spacelift_stack" "airtight" {
  name         = "air-gapped"
  repository   = var.repository
  branch       = "main"
  runner_image = var.runner_image
  labels       = ["feature:ignore_runtime_config"]

  opentofu {
    workflow_tool = "CUSTOM"
  }

  # With a provider before 1.53.5, instead of the block above:
  # terraform_workflow_tool = "CUSTOM"

  # Tasks call the engine directly, so they need their own check.
  before_perform = [". /usr/local/share/airtight/hooks/before_perform.sh"]
}

# A mounted file wins over one in the repository.
resource "spacelift_mounted_file" "workflow" {
  stack_id      = spacelift_stack.airtight.id
  relative_path = "source/.spacelift/workflow.yml"
  content       = filebase64("${path.module}/workflow.yml")
  write_only    = false
}
