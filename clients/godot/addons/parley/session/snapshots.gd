class_name ParleySnapshots
extends RefCounted
## The host's state for the next host, stored at the hub: written every few seconds while this machine hosts, fetched when it
## begins to host.

const EVERY_MS := 3_000.0
const BYTES_MAX := 65_536
const UNPACKED_BYTES_MAX := 1 << 22

## The state of the host before, as bytes; empty where there is none.
var inherited := PackedByteArray()
var _http: ParleyHttp
var _lobby := ""
var _write: ParleyRequest = null
var _read: ParleyRequest = null
var _written := PackedByteArray()
var _due := 0.0


func _init(http: ParleyHttp, lobby: String) -> void:
	_http = http
	_lobby = lobby


var is_fetching: bool:
	get:
		return _read != null


## The hub has this machine's newest state.
var is_stored: bool:
	get:
		return _write != null and _write.done and _write.code == ""


func poll(now: float, state: Callable, term: int) -> void:
	if _read != null and _read.done:
		if _read.code == "":
			inherited = _read.received
		_read = null
	if state.is_valid() and now >= _due and (_write == null or _write.done):
		_due = now + EVERY_MS
		write(state, term)


## Null where nothing has changed since the last one, or where it is too large.
func write(state: Callable, term: int) -> ParleyRequest:
	var bytes := var_to_bytes(state.call()).compress(FileAccess.COMPRESSION_DEFLATE)
	if bytes == _written and (_write == null or _write.code == ""):
		return null
	if bytes.size() > BYTES_MAX:
		push_warning("Parley: the snapshot has %d bytes, more than %d, and is not stored." % [bytes.size(), BYTES_MAX])
		return null
	_written = bytes
	_write = _http.request(HTTPClient.METHOD_PUT, "/lobbies/%s/snapshot?term=%d" % [_lobby, term], bytes)
	return _write


func fetch() -> void:
	_read = _http.request(HTTPClient.METHOD_GET, "/lobbies/%s/snapshot" % _lobby)


func unpacked() -> Variant:
	if inherited.is_empty():
		return null
	return bytes_to_var(inherited.decompress_dynamic(UNPACKED_BYTES_MAX, FileAccess.COMPRESSION_DEFLATE))
