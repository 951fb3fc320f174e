class_name ParleyRoster
extends RefCounted
## The players and applicants of a lobby, made of the hub's JSON. A player is the same object as long as it is a member.

## By id at the hub.
var players := {}
## What the last [method read] found: new players, new applicants, and the ids at the hub of players that are gone.
var joined: Array[ParleyPlayer] = []
var applied: Array[ParleyPlayer] = []
var gone: Array[String] = []


## Fills in the lobby's players and applicants. `id_of`: a function from an id at the hub to one at the MultiplayerAPI.
func read(lobby: ParleyLobby, json: Dictionary, me: String, host: String, id_of: Callable) -> void:
	joined = []
	applied = []
	gone = []
	var present: Array[ParleyPlayer] = []
	for row in ParleyFields.members(json):
		var peer_id: String = row["peer_id"]
		var player: ParleyPlayer = players.get(peer_id)
		if player == null:
			player = ParleyPlayer.new()
			player.is_local = peer_id == me
			players[peer_id] = player
			joined.append(player)
		_fill(player, row)
		player.id = id_of.call(peer_id)
		player.is_host = peer_id == host
		present.append(player)
	lobby.players = present
	var applicants: Array[ParleyPlayer] = []
	for row in ParleyFields.applicants(json):
		var applicant := ParleyPlayer.new()
		_fill(applicant, row)
		applicants.append(applicant)
		if not lobby.applicants.any(func(known: ParleyPlayer) -> bool: return known.peer_id == applicant.peer_id):
			applied.append(applicant)
	lobby.applicants = applicants
	for peer_id: String in players:
		if not present.has(players[peer_id]):
			gone.append(peer_id)


static func _fill(player: ParleyPlayer, row: Dictionary) -> void:
	player.peer_id = row["peer_id"]
	player.name = row["name"]
	player.state = row["state"]
	player.data = row["data"]
