class_name ParleyListWatch
extends RefCounted
## The lobby list, live. A long one is read over several frames.

const ROWS_MAX := 50

var _stream: ParleyEventStream
var _lobbies := {}
var _changed := false
var _events: Array[Dictionary] = []
# Rows of a snapshot that are not read yet.
var _rows: Array = []
var _announcements: Array[Array] = []


func _init(http: ParleyHttp, filter: Dictionary) -> void:
	_stream = ParleyEventStream.new(http, {"topic": "lobbies", "filter": ParleyListFields.texts(filter)})


func poll(now: float) -> void:
	_stream.poll(now)
	_events.append_array(_stream.inbox)
	_stream.inbox.clear()
	_read_rows()
	while _rows.is_empty() and not _events.is_empty():
		_handle(_events.pop_front())


func _handle(event: Dictionary) -> void:
	var data: Dictionary = event["data"]
	match event["type"]:
		"snapshot":
			_lobbies.clear()
			_rows = ParleyListFields.rows(data)
			# What is added later is newer.
			_rows.reverse()
			_changed = true
			_read_rows()
		"lobby.added", "lobby.updated":
			var one := ParleyListFields.listing(ParleyFields.joined_lobby(data))
			_lobbies[one.id] = one
			_changed = true
		"announcement":
			_announcements.append([ParleyFields.text(data, "announcement_id"), ParleyFields.text(data, "text")])
		"lobby.removed":
			_changed = _lobbies.erase(ParleyListFields.removed_lobby(data)) or _changed


func _read_rows() -> void:
	for row: Variant in _rows.slice(0, ROWS_MAX):
		var one := ParleyListFields.listing(row)
		_lobbies[one.id] = one
	_rows = _rows.slice(ROWS_MAX)


## Whether the list is another one than at the last call.
func take_changed() -> bool:
	var was := _changed and _rows.is_empty()
	_changed = _changed and not was
	return was


## The operators' announcements since the last look: `[id, text]`.
func take_announcements() -> Array[Array]:
	var taken := _announcements
	_announcements = []
	return taken


## Newest first.
func lobbies() -> Array[ParleyListing]:
	var out: Array[ParleyListing] = []
	out.assign(_lobbies.values())
	out.reverse()
	return out


func close() -> void:
	_stream.close()
