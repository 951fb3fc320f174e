class_name ParleyQuestions
extends RefCounted
## Requests to sidecars that wait for an answer. Each is repeated until its answer comes or its time is over.

const BYTES_MIN := 160
## An unanswered request is repeated after these times.
const AGAIN_MS: Array[float] = [0.0, 80.0, 200.0, 350.0]
const PATIENCE_MS := 500.0


class Question extends RefCounted:
	var done := false
	## Words of the answer behind the first; empty where none came.
	var words := PackedStringArray()
	var is_answered := false
	## When the request that was answered had left.
	var at := 0.0
	var socket := 0
	var address := ""
	var port := 0
	var head := ""
	var began := 0.0
	var patience := PATIENCE_MS
	var times := 0
	var sent_at := {}
	## Where it leaves from.
	var sockets: ParleySockets = null


var _sockets: ParleySockets
var _open: Array[Question] = []


func _init(sockets: ParleySockets) -> void:
	_sockets = sockets


## Sends `head` and a separate word from a socket.
func ask(head: String, socket: int, address: String, port: int, now: float, patience := PATIENCE_MS) -> Question:
	var question := Question.new()
	question.head = head
	question.socket = socket
	question.address = address
	question.port = port
	question.began = now
	question.patience = patience
	question.sockets = _sockets
	_open.append(question)
	_send(question)
	return question


## Waits here for the answer to a question that left from other sockets.
func expect(question: Question) -> void:
	_open.append(question)


func poll(now: float) -> void:
	if _open.is_empty():
		return
	var left: Array[Question] = []
	for question in _open:
		if question.done:
			continue
		if now >= question.began + question.patience:
			question.done = true
			continue
		if question.times < AGAIN_MS.size() and now >= question.began + AGAIN_MS[question.times]:
			_send(question)
		left.append(question)
	_open = left


## Reads everything that has come to a socket, for sockets that only ask.
func receive_all(number: int) -> void:
	var row := _sockets.receive(number)
	while not row.is_empty():
		receive(row[0])
		row = _sockets.receive(number)


## Whether these bytes were a sidecar's answer.
func receive(bytes: PackedByteArray) -> bool:
	# "seen ", "knocked " and "entered " begin with one of these three.
	if bytes.size() < 6 or bytes.size() > 256 or (bytes[0] != 0x73 and bytes[0] != 0x6B and bytes[0] != 0x65):
		return false
	var words := bytes.get_string_from_ascii().split(" ", false)
	if words.size() < 1 or not words[0] in ["seen", "knocked", "entered"]:
		return false
	for question in _open:
		if not question.done and question.sent_at.has(words[-1]):
			question.done = true
			question.is_answered = true
			question.at = question.sent_at[words[-1]]
			question.words = words.slice(1)
			break
	return true


func _send(question: Question) -> void:
	question.times += 1
	var word := ParleyRandom.word()
	# Each its own time: their order tells the step of a router that counts.
	question.sent_at[word] = Time.get_ticks_usec() / 1000.0
	question.sockets.send(question.socket, question.address, question.port, ("%-160s" % (question.head + " " + word)).to_ascii_buffer())
