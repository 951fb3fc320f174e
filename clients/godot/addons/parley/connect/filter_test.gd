class_name ParleyFilterTest
extends RefCounted
## Finds out which senders this machine's router lets in: from one socket an endpoint is observed, and a sidecar is asked from
## another one to send there from a port, and from an address, that the first socket has never sent to.

const KNOCK_MS := 150.0

var done := false
var _observer: ParleyObserver
var _tested := ParleySockets.new()
var _other := ParleySockets.new()
var _questions: ParleyQuestions
var _step := ""
var _question: ParleyQuestions.Question = null
var _receipt := ""
var _patience := 0.0
var _other_port := {}
var _elsewhere := {}


func _init(observer: ParleyObserver, now: float) -> void:
	_observer = observer
	_questions = ParleyQuestions.new(_tested)
	var via := {}
	for one in observer.vias():
		if not ParleyAddresses.is_v4(one["address"]):
			continue
		if via.is_empty():
			via = one
		elif one["address"] != via["address"]:
			_elsewhere = one if _elsewhere.is_empty() else _elsewhere
		elif one["port"] != via["port"]:
			_other_port = one if _other_port.is_empty() else _other_port
	if via.is_empty() or _other_port.is_empty() or not _tested.bind(0) or not _other.bind(0):
		_end("")
		return
	_step = "see"
	_question = _questions.ask("see " + observer.udp_token, 0, via["address"], via["port"], now)


func poll(now: float) -> void:
	if done:
		return
	_questions.receive_all(0)
	# What comes to the other one answers nothing.
	while not _other.receive(0).is_empty():
		pass
	_questions.poll(now)
	if not _question.done:
		return
	match _step:
		"see":
			if not _question.is_answered or _question.words.size() < 3:
				_end("")
				return
			_receipt = _question.words[1]
			_patience = 3.0 * (now - _question.at) + KNOCK_MS
			if _elsewhere.is_empty():
				_knock("port", _other_port, now)
			else:
				_knock("address", _elsewhere, now)
		"address":
			if _question.is_answered:
				_end("independent", now)
			else:
				_knock("port", _other_port, now)
		"port":
			_end("address" if _question.is_answered else "port", now)


func close() -> void:
	_end("")


func _knock(step: String, at: Dictionary, now: float) -> void:
	_step = step
	# Asked from the other socket; the answer comes to the tested one.
	_question = ParleyQuestions.new(_other).ask("knock %s %s" % [_observer.udp_token, _receipt], 0, at["address"], at["port"], now, _patience)
	_questions.expect(_question)


func _end(filtering: String, now := 0.0) -> void:
	done = true
	_tested.close_all()
	_other.close_all()
	if filtering != "":
		_observer.filtering = filtering
		_observer.filtering_at = now
