# A plan policy of Spacelift, in Rego v0 for self-hosted installations before 4.1: no plan passes without the report that
# `airtight` wrote before it.
#
# The gate writes `airtight.custom.spacelift.json` into the project root before each plan, and Spacelift puts it into this
# policy's input. What the policy proves: the gate ran in this run, and let the plan start. What it cannot prove: that nothing of
# the run wrote the file again afterwards.
#
# Assumed: `TF_VAR_spacelift_run_id`, which the gate writes into the report, is this policy's `input.spacelift.run.id`.
package spacelift

default airtight = {}

airtight = input.third_party_metadata.custom.airtight

is_report {
	airtight.schema == "airtight/spacelift/1"
}

is_of_this_run {
	input.spacelift.run.id != ""
	airtight.run_id == input.spacelift.run.id
}

is_cleared {
	airtight.verdict == "cleared"
}

# The image's settings say that nothing is refused yet.
is_observed {
	airtight.policy == "observe"
}

has_no_errors {
	airtight.counts.errors == 0
}

deny["airtight: there is no report: its hook or workflow command did not run before this plan"] {
	not is_report
}

deny["airtight: the report is from another run"] {
	is_report
	not is_of_this_run
}

deny["airtight: the run is not cleared; the log of the planning phase says why"] {
	is_report
	not is_cleared
	not is_observed
}

deny["airtight: the report contradicts itself: cleared, with errors"] {
	is_cleared
	not has_no_errors
	not is_observed
}

warn["airtight: the run is not cleared, and the image's settings only observe"] {
	is_report
	not is_cleared
	is_observed
}

warn[message] {
	provider := airtight.providers[_]
	provider.status != "proven"
	message := sprintf("airtight: %v is installed without proof", [provider.address])
}

warn[message] {
	finding := airtight.findings[_]
	finding.severity == "warning"
	message := sprintf("airtight: %v: %v", [finding.code, finding.summary])
}

warn[message] {
	exception := airtight.exceptions[_]
	message := sprintf("airtight: allowed by a rule until %v: %v", [exception.until, exception.code])
}

sample = true
