class_name ParleyUdpSign
extends RefCounted
## Shows the ticket of a membership to sidecars, once, from a separate socket. The hub then lists the lobby of this member as
## reachable over UDP.

var done := false
var _sockets := ParleySockets.new()
var _questions: ParleyQuestions
var _open: Array[ParleyQuestions.Question] = []


func _init(observer: ParleyObserver, session_ticket: String, now: float) -> void:
	_questions = ParleyQuestions.new(_sockets)
	if session_ticket == "" or not _sockets.bind(0):
		close()
		return
	for via in observer.vias():
		_open.append(_questions.ask("see " + session_ticket, 0, via["address"], via["port"], now))


func poll(now: float) -> void:
	if done:
		return
	_questions.receive_all(0)
	_questions.poll(now)
	if _open.all(func(question: ParleyQuestions.Question) -> bool: return question.done):
		close()


func close() -> void:
	done = true
	_sockets.close_all()
