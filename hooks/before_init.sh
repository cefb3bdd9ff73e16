# Checks before Spacelift's phase, in the phase's own shell. As the hook before_init: . /DIRECTORY/before_init.sh
# First of all of the stack's hooks, so that nothing reaches out before it.
# One chain whose failure is the hook's: the phase does not run. Sourced, so it never says exit, exec or return.
{ command -v airtight >/dev/null 2>&1 || { echo "airtight: the airtight binary is not in this runner image: use an image that holds it, or remove this hook" >&2; false; }; } &&
airtight_env=$(airtight hook before_init) &&
eval "$airtight_env" &&
unset airtight_env
