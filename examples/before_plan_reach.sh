# A `before_plan` hook for a partial air gap, sourced after airtight's own. It stops the phase if a host in the settings'
# `reachable` is closed, and says what the firewall or the proxy must open. Without `reachable` it stops too (96).
#
#     . /usr/local/share/airtight/examples/before_plan_reach.sh
airtight reach --timeout 5
