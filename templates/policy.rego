# A plan policy of Spacelift: no plan passes without the report that `airtight` wrote before it.
#
# The gate writes `airtight.custom.spacelift.json` into the project root before each plan, and Spacelift puts it into this
# policy's input. What the policy proves: the gate ran in this run, and let the plan start. What it cannot prove: that nothing of
# the run wrote the file again afterwards.
#
# Assumed: `TF_VAR_spacelift_run_id`, which the gate writes into the report, is this policy's `input.spacelift.run.id`.
package spacelift

import rego.v1

default airtight := {}

airtight := input.third_party_metadata.custom.airtight

is_report if airtight.schema == "airtight/spacelift/1"

is_of_this_run if {
	input.spacelift.run.id != ""
	airtight.run_id == input.spacelift.run.id
}

is_cleared if airtight.verdict == "cleared"

# The image's settings say that nothing is refused yet.
is_observed if airtight.policy == "observe"

deny contains "airtight: there is no report: its hook or workflow command did not run before this plan" if not is_report

deny contains "airtight: the report is from another run" if {
	is_report
	not is_of_this_run
}

deny contains "airtight: the run is not cleared; the log of the planning phase says why" if {
	is_report
	not is_cleared
	not is_observed
}

deny contains "airtight: the report contradicts itself: cleared, with errors" if {
	is_cleared
	not airtight.counts.errors == 0
	not is_observed
}

warn contains "airtight: the run is not cleared, and the image's settings only observe" if {
	is_report
	not is_cleared
	is_observed
}

warn contains sprintf("airtight: %v is installed without proof", [provider.address]) if {
	some provider in airtight.providers
	provider.status != "proven"
}

warn contains sprintf("airtight: %v: %v", [finding.code, finding.summary]) if {
	some finding in airtight.findings
	finding.severity == "warning"
}

warn contains sprintf("airtight: allowed by a rule until %v: %v", [exception.until, exception.code]) if {
	some exception in airtight.exceptions
}

sample := true
