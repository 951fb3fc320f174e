extends RefCounted
## What the unit tests extend: checks that are counted, and what failed.

var checks := 0
var failures := PackedStringArray()


func check(holds: bool, what: String) -> void:
	checks += 1
	if not holds:
		failures.append(what)


func same(is_now: Variant, wanted: Variant, what := "") -> void:
	checks += 1
	if typeof(is_now) != typeof(wanted) or is_now != wanted:
		failures.append("%s is %s, not %s" % [what, str(is_now).left(200), str(wanted).left(200)])
