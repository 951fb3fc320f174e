class_name ParleyOwnAddresses
extends RefCounted
## Looks at this machine's addresses once a second, in a thread: the system may take some milliseconds, and a frame must not.

const EVERY_MS := 1_000.0

var addresses := PackedStringArray()
var _task := -1
var _found := PackedStringArray()
var _due := 0.0


## True where [member addresses] is new.
func poll(now: float) -> bool:
	if _task >= 0:
		if not WorkerThreadPool.is_task_completed(_task):
			return false
		WorkerThreadPool.wait_for_task_completion(_task)
		_task = -1
		addresses = _found
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
