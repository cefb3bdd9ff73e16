# Checks before Spacelift's phase, in the phase's own shell. As the hook before_apply: . /DIRECTORY/before_apply.sh
# After a confirmation this is a new container, perhaps of another image: before_init does not run again.
# One chain whose failure is the hook's: the phase does not run. Sourced, so it never says exit, exec or return.
{ command -v airtight >/dev/null 2>&1 || { echo "airtight: the airtight binary is not in this runner image: use an image that holds it, or remove this hook" >&2; false; }; } &&
airtight_env=$(airtight hook before_apply) &&
eval "$airtight_env" &&
unset airtight_env
