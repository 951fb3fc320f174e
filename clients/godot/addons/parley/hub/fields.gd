class_name ParleyFields
extends RefCounted
## Every field name of the hub's API, in and out. Nothing else in the addon reads or writes JSON of the hub.


## JSON numbers are floats in Godot; -1 where it is no number.
static func whole(value: Variant) -> int:
	return int(value) if value is float or value is int else -1


static func number(json: Variant, field: String) -> float:
	var value: Variant = json.get(field) if json is Dictionary else null
	return float(value) if value is float or value is int else 0.0


static func text(json: Variant, field: String, fallback := "") -> String:
	if json is Dictionary and json.get(field) is String:
		return json[field]
	return fallback


static func dictionary(json: Variant, field: String) -> Dictionary:
	return json[field] if json is Dictionary and json.get(field) is Dictionary else {}


static func array(json: Variant, field: String) -> Array:
	return json[field] if json is Dictionary and json.get(field) is Array else []


## `[code, sentence]` of a message `error`; empty texts where there is none.
static func refusal(data: Variant) -> PackedStringArray:
	var problem := dictionary(data, "problem")
	return PackedStringArray([text(problem, "code"), sentence(problem)])


## Title and detail of a problem.
static func sentence(problem: Variant) -> String:
	return (text(problem, "title") + " " + text(problem, "detail")).strip_edges()


# --- identity ---------------------------------------------------------------------------------------------------------


## `{peer_id, token, udp_token, expires_at, sidecars}`; empty where the answer is none.
static func identity(json: Variant) -> Dictionary:
	if text(json, "peer_id") == "" or text(json, "peer_token") == "":
		return {}
	return {
		"peer_id": text(json, "peer_id"),
		"token": text(json, "peer_token"),
		"udp_token": text(json, "udp_token"),
		"expires_at": text(json, "expires_at"),
		"sidecars": array(json, "sidecars"),
	}


static func sidecars(json: Variant) -> Array:
	return array(json, "sidecars")


# --- lobbies ----------------------------------------------------------------------------------------------------------


## The body that creates a lobby. `options` as in [method ParleySession.host].
static func new_lobby(name: String, seats: int, options: Dictionary, version: String, player_name: String) -> Dictionary:
	var body := {"name": name, "seats": seats, "paths": PATHS}
	for field: String in ["visibility", "password", "approval", "host_policy", "joinable", "consent"]:
		if options.has(field):
			body[field] = options[field]
	if options.get("relay_only", false):
		body["relay"] = "always"
	if version != "":
		body["version"] = version
	if player_name != "":
		body["member_name"] = player_name
	if options.has("member_data"):
		body["member_data"] = options["member_data"]
	var data: Dictionary = options.get("data", {}).duplicate()
	if options.get("mesh", false):
		data[MESH_KEY] = {"value": true, "visibility": "member"}
	if not data.is_empty():
		body.merge(lobby_data(data))
	return body


## Entries of a lobby as `data` and `data_rules`. An entry is a value, or `{value, visibility, index}`.
static func lobby_data(entries: Dictionary) -> Dictionary:
	var data := {}
	var rules := {}
	for key: Variant in entries:
		var entry: Variant = entries[key]
		if entry is Dictionary:
			var rule: Dictionary = entry.duplicate()
			if rule.has("value"):
				data[key] = rule["value"]
				rule.erase("value")
			if not rule.is_empty():
				rules[key] = rule
		else:
			data[key] = entry
	var body := {}
	if not data.is_empty():
		body["data"] = data
	if not rules.is_empty():
		body["data_rules"] = rules
	return body


## How players of this addon are connected: by datagrams.
const PATHS: Array[String] = ["udp"]
## The key of the lobby's data that says that every player is connected to every other one.
const MESH_KEY := "parley_mesh"


static func joining(code: String, password: String, version: String, player_name: String, options: Dictionary) -> Dictionary:
	var body := {"paths": PATHS}
	if code != "":
		body["code"] = code
	if password != "":
		body["password"] = password
	if version != "":
		body["version"] = version
	if player_name != "":
		body["member_name"] = player_name
	if options.has("member_data"):
		body["member_data"] = options["member_data"]
	return body


static func quick_joining(filter: Dictionary, create: Dictionary, version: String, player_name: String) -> Dictionary:
	var body := joining("", "", version, player_name, {})
	if not filter.is_empty():
		body["filter"] = ParleyListFields.texts(filter)
	if not create.is_empty():
		body["create_if_none"] = create
	return body


static func changes(of: Dictionary) -> Dictionary:
	var body := {}
	for field: String in ["name", "seats", "visibility", "password", "version", "joinable", "approval", "state", "host_policy"]:
		if of.has(field):
			body[field] = of[field]
	if of.has("data"):
		body.merge(lobby_data(of["data"]))
	return body


static func is_pending(json: Variant) -> bool:
	return text(json, "status") == "pending"


static func joined_lobby(json: Variant) -> Dictionary:
	return dictionary(json, "lobby")


static func pending_lobby_id(json: Variant) -> String:
	return text(json, "lobby_id")


static func lobby_id(json: Variant) -> String:
	return text(json, "id")


## The host's peer id, or empty.
static func host_of(json: Variant) -> String:
	return text(json, "host")


static func term_of(json: Variant) -> int:
	return whole(json.get("term")) if json is Dictionary else 0


static func is_mesh(json: Variant) -> bool:
	return dictionary(json, "data").get(MESH_KEY) == true


## Fills what a lobby says of itself; members are [method members].
static func fill_lobby(lobby: ParleyLobby, json: Dictionary) -> void:
	lobby.id = text(json, "id")
	lobby.code = text(dictionary(json, "join"), "code", lobby.code)
	lobby.name = text(json, "name")
	lobby.seats = maxi(0, whole(json.get("seats")))
	lobby.visibility = text(json, "visibility", "public")
	lobby.state = text(json, "state", "open")
	lobby.version = text(json, "version")
	lobby.has_password = json.get("has_password", false) == true
	lobby.joinable = json.get("joinable", true) == true
	lobby.approval = json.get("approval", false) == true
	lobby.data = dictionary(json, "data").duplicate()
	lobby.data.erase(MESH_KEY)


## `{peer_id, name, state, data}` each.
static func members(json: Variant) -> Array[Dictionary]:
	var rows := _member_rows(json)
	var out: Array[Dictionary] = []
	for row: Variant in rows:
		if text(row, "peer_id") != "":
			out.append({"peer_id": text(row, "peer_id"), "name": text(row, "name"), "state": text(row, "state"),
				"data": dictionary(row, "data")})
	return out


## The lobby after another one has taken over.
static func with_host(json: Dictionary, data: Dictionary) -> Dictionary:
	var out := json.duplicate()
	out["host"] = data.get("host")
	out["term"] = data.get("term")
	return out


## The lobby after a member has come or changed.
static func with_member(json: Dictionary, data: Dictionary) -> Dictionary:
	var member := dictionary(data, "member")
	var out := json.duplicate()
	var rows := _member_rows(json).duplicate()
	for at in rows.size():
		if text(rows[at], "peer_id") == text(member, "peer_id"):
			rows[at] = member
			member = {}
			break
	if not member.is_empty():
		rows.append(member)
	out["members"] = rows
	return out


static func without_member(json: Dictionary, peer_id: String) -> Dictionary:
	var out := json.duplicate()
	out["members"] = _member_rows(json).filter(func(row: Variant) -> bool: return text(row, "peer_id") != peer_id)
	return out


static func _member_rows(json: Variant) -> Array:
	return array(json, "members")


## The addon's code for the reason for which a lobby is over.
static func end_code(reason: String) -> String:
	match reason:
		"left":
			return ParleyErrors.LEFT
		"kicked", "kicked_by_host":
			return ParleyErrors.KICKED
		"banned":
			return ParleyErrors.BANNED
		"timed_out", "member_timeout", "lobby_timeout", "lobby_not_found", "not_member":
			return ParleyErrors.SEAT_LOST
		"closed", "closed_by_operator", "started":
			return ParleyErrors.CLOSED
	return reason


static func hand_over(peer_id: String, term: int) -> Dictionary:
	return {"peer_id": peer_id, "expected_term": term}


static func chat_line(line: String) -> Dictionary:
	return {"text": line}


static func member_data(entries: Dictionary) -> Dictionary:
	return {"data": entries}


static func removal(peer_id: String, message: String) -> Dictionary:
	return {"peer_id": peer_id, "message": message.left(200)} if message != "" else {"peer_id": peer_id}


static func applicants(json: Variant) -> Array[Dictionary]:
	var out: Array[Dictionary] = []
	for row: Variant in array(json, "applicants"):
		out.append({"peer_id": text(row, "peer_id"), "name": text(row, "name"), "state": "applied", "data": dictionary(row, "data")})
	return out
