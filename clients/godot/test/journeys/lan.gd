extends "res://test/journeys/actor.gd"
## An actor for lobbies of the local network: `{"lan": method, "args"}`, `{"lan_join": name of a listed lobby}`. Prints the list.


func _ready() -> void:
	super()
	parley.lan.list_changed.connect(func(lobbies: Array[ParleyLanListing]) -> void:
		emit({"lan_list": lobbies.map(_line)}))


func _line(one: ParleyLanListing) -> Dictionary:
	return {"name": one.name, "address": one.address, "port": one.port, "members": one.member_count, "seats": one.seats,
		"joinable": one.joinable, "data": one.data, "source": one.source}


func _do(command: Dictionary) -> void:
	if command.has("lan"):
		await _returned(command["lan"], parley.lan.callv(command["lan"], command.get("args", [])))
	elif command.has("lan_join"):
		for one in parley.lan.lobbies:
			if one.name == command["lan_join"]:
				var error: int = await parley.lan.join(one)
				_returned("join", error)
				return
		emit({"returned": "join", "is": -1})
	else:
		super(command)


func _returned(method: String, result: Variant) -> void:
	var is_now: Variant = await result
	emit({"returned": method, "is": is_now, "code": parley.code, "why": parley.why,
		"id": multiplayer.get_unique_id() if parley.lan.is_active() else 0})
