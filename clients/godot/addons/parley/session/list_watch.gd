class_name ParleyListWatch
extends RefCounted
## The lobby list, live.

var _stream: ParleyEventStream
var _lobbies := {}
var _changed := false
var _announcements: Array[Array] = []


func _init(http: ParleyHttp, filter: Dictionary) -> void:
	_stream = ParleyEventStream.new(http, {"topic": "lobbies", "filter": ParleyFields.texts(filter)})


func poll(now: float) -> void:
	_stream.poll(now)
	var events := _stream.inbox
	_stream.inbox = []
	for event in events:
		var data: Dictionary = event["data"]
		match event["type"]:
			"snapshot":
				_lobbies.clear()
				for one in ParleyFields.listings(data):
					_lobbies[one.id] = one
				_changed = true
			"lobby.added", "lobby.updated":
				var one := ParleyFields.listing(ParleyFields.joined_lobby(data))
				_lobbies[one.id] = one
				_changed = true
			"announcement":
				_announcements.append([ParleyFields.text(data, "announcement_id"), ParleyFields.text(data, "text")])
			"lobby.removed":
				_changed = _lobbies.erase(ParleyFields.removed_lobby(data)) or _changed


func take_changed() -> bool:
	var was := _changed
	_changed = false
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
	return out


func close() -> void:
	_stream.close()
