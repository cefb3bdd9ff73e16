# Spacelift's before_apply hook: `. /path/to/before_apply.sh`. One chain, whose status says whether the phase may run.
# It must run in the phase's own shell: a child cannot export, and leaving that shell would skip the phase.
(command -v airtight >/dev/null || (echo "airtight: not on PATH in this runner image" >&2 && false)) &&
  airtight_env=$(airtight hook before_apply) &&
  eval "$airtight_env"
