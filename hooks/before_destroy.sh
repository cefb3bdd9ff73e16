# Checks before Spacelift's phase, in the phase's own shell. Use it as the hook before_destroy: . /DIRECTORY/before_destroy.sh
# No plan policy sees this phase.
# It is one chain: if a part fails, the hook fails and the phase does not run. It is sourced, so it never says exit, exec or return.
{ command -v airtight >/dev/null 2>&1 || { echo "airtight: the airtight binary is not in this runner image: use an image that holds it, or remove this hook" >&2; false; }; } &&
airtight_env=$(airtight hook before_destroy) &&
eval "$airtight_env" &&
unset airtight_env
