class_name ParleyOwnAddresses
extends RefCounted
## Looks at this machine's addresses once a second, in a thread: the system may take some milliseconds, and a frame must not.

const EVERY_MS := 1_000.0

var _known := ",".join(ParleyAddresses.own())
var _task := -1
var _found := PackedStringArray()
var _due := 0.0


## Whether this machine has other addresses than before. Without any there is nowhere to go: the next one is waited for.
func have_changed(now: float) -> bool:
	if not _poll(now):
		return false
	var own := ",".join(_found)
	if own == _known or own == "" or own.begins_with("127."):
		return false
	_known = own
	return true


# True after a look.
func _poll(now: float) -> bool:
	if _task >= 0:
		if not WorkerThreadPool.is_task_completed(_task):
			return false
		WorkerThreadPool.wait_for_task_completion(_task)
		_task = -1
		ParleyAddresses.recent = _found
		_due = now + EVERY_MS
		return true
	if now >= _due:
		_task = WorkerThreadPool.add_task(_look)
	return false


func close() -> void:
	if _task >= 0:
		WorkerThreadPool.wait_for_task_completion(_task)
		_task = -1


func _look() -> void:
	_found = ParleyAddresses.own()
