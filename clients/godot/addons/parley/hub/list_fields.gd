class_name ParleyListFields
extends RefCounted
## Every field name of the hub's API about the list of lobbies, in and out. [ParleyFields] has the others.


## Filter values as text.
static func texts(filter: Dictionary) -> Dictionary:
	var out := {}
	for field: Variant in filter:
		out[str(field)] = str(filter[field])
	return out


## The lobby that `lobby.removed` is about.
static func removed_lobby(json: Variant) -> String:
	return ParleyFields.text(json, "lobby_id")


static func listings(json: Variant) -> Array[ParleyListing]:
	var out: Array[ParleyListing] = []
	for row: Variant in rows(json):
		out.append(listing(row))
	return out


## The entries, for [method listing].
static func rows(json: Variant) -> Array:
	return ParleyFields.array(json, "lobbies")


static func listing(row: Dictionary) -> ParleyListing:
	var one := ParleyListing.new()
	one.id = ParleyFields.text(row, "id")
	one.name = ParleyFields.text(row, "name")
	one.member_count = maxi(0, ParleyFields.whole(row.get("member_count")))
	one.seats = maxi(0, ParleyFields.whole(row.get("seats")))
	one.has_password = row.get("has_password", false) == true
	one.joinable = row.get("joinable", true) == true
	one.approval = row.get("approval", false) == true
	one.reachability = ParleyFields.text(row, "reachability")
	one.paths.assign(ParleyFields.array(row, "paths").filter(func(kind: Variant) -> bool: return kind is String))
	one.state = ParleyFields.text(row, "state", "open")
	one.version = ParleyFields.text(row, "version")
	one.data = ParleyFields.dictionary(row, "data")
	return one
