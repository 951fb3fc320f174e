class_name ParleyRequest
extends RefCounted
## One HTTP request and its answer; see [ParleyHttp]. Wait for [member done].

var done := false
## HTTP status; 0 where the hub did not answer.
var status := 0
## Empty after a success: the hub's error code, or `unreachable`.
var code := ""
## For players.
var why := ""
var retry_after_s := 0
## Names the request in the hub's log, where the hub refused it.
var request_id := ""
## The JSON of the answer, or null.
var json: Variant = null
var method := HTTPClient.METHOD_GET
var path := ""
var headers := PackedStringArray()
var body := PackedByteArray()
## The answer as it came.
var received := PackedByteArray()
## Begins when this one is done.
var after: ParleyRequest = null
## Null until it begins.
var exchange: ParleyHttpExchange = null
var is_cancelled := false


## Nobody waits for it any more.
func cancel() -> void:
	is_cancelled = true
	if exchange != null:
		exchange.is_cancelled = true
		exchange = null


func fail(with_code: String, sentence: String, with_status := 0) -> void:
	done = true
	code = with_code
	why = sentence
	status = with_status


## Takes what the exchange has found.
func finish() -> void:
	done = true
	status = exchange.status
	json = exchange.json
	received = exchange.received
	exchange = null
	if status >= 200 and status < 300:
		return
	var problem := ParleyFields.text(json, "code")
	if status == 0:
		fail(ParleyErrors.UNREACHABLE, ParleyErrors.sentence(ParleyErrors.UNREACHABLE))
	elif problem == "":
		fail(ParleyErrors.UNREACHABLE, "Something that is no lobby server answered %d." % status, status)
	else:
		code = problem
		why = ParleyFields.sentence(json)
		retry_after_s = maxi(0, ParleyFields.whole(json.get("retry_after_s")))
		request_id = ParleyFields.text(json, "request_id")
