"""What automation has to ask of the checks of an asset's parents."""

import dagster as dg

# Not `all_deps_blocking_checks_passed()`: a run that dies before a check is made, say while the images are
# downloaded, leaves "execution failed" on the checks of everything it was to make. If the next try of the
# images changes nothing, nothing after them runs again, and all that hangs below would wait for ever. What
# fails a check here is never recorded, so only a check that was made and failed has to be waited for.
NO_FAILED_CHECK_ABOVE = ~dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(dg.AutomationCondition.check_failed(), blocking_only=True)
).with_label("a_blocking_check_of_a_parent_failed")
