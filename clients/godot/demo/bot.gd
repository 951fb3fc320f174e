extends Node
## Steers this machine's ship towards the nearest other one, shoots, and prints the scores once a second.

var _said_at := 0.0


func _physics_process(delta: float) -> void:
	var arena := get_parent() as Arena
	var own := arena.own_ship()
	_said_at += delta
	if _said_at >= 1.0 and arena.is_playing and multiplayer.has_multiplayer_peer():
		_said_at = 0.0
		var total := 0
		for score: int in arena.scores.values():
			total += score
		print(JSON.stringify({"host": multiplayer.is_server(), "ships": arena.ships().size(), "hits": total}))
	if own == null:
		return
	own.is_steered = true
	var target: Ship = null
	for ship in arena.ships():
		if ship != own and (target == null or own.position.distance_to(ship.position) < own.position.distance_to(target.position)):
			target = ship
	own.fires = target != null
	own.thrusts = 0.4 if target != null else 0.0
	if target != null:
		own.turns = angle_difference(own.rotation, own.position.angle_to_point(target.position)) * 6.0
