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
var tries := 0
var deadline := 0.0
var begin_at := 0.0
var client: HTTPClient = null
var is_sent := false
var cancelled := false


## Nobody waits for it any more.
func cancel() -> void:
	cancelled = true


func fail(with_code: String, sentence: String, with_status := 0) -> void:
	done = true
	code = with_code
	why = sentence
	status = with_status
