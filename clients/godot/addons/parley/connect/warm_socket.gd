class_name ParleyWarmSocket
extends RefCounted
## A socket that is observed before a connection needs it, so that an introduction does not wait for the sidecars. The
## observation is repeated before a router forgets the mapping.

const REFRESH_MS := 20_000.0

var sockets := ParleySockets.new()
var questions := ParleyQuestions.new(sockets)
## The last observation; null before the first. It may not be done yet.
var gathering: ParleyObserver.Gathering = null
var _observer: ParleyObserver
var _due := 0.0


## `due`: when it is observed first.
func _init(observer: ParleyObserver, due: float) -> void:
	_observer = observer
	_due = due


func poll(now: float) -> void:
	if now >= _due:
		_due = now + REFRESH_MS
		if sockets.bind(0):
			gathering = _observer.gather(sockets, 0, questions, now)
	if gathering == null or gathering.done:
		return
	questions.receive_all(0)
	questions.poll(now)
	gathering.poll(now)


func close() -> void:
	if gathering != null:
		gathering.close()
	sockets.close_all()
