class_name Arena
extends Node2D
## The game: every player moves its own ship, and a [MultiplayerSynchronizer] shows it to the others. The host spawns the ships and
## decides what was hit; after a migration the next host goes on with the scores.

const SIZE := Vector2(1152, 648)
const BULLET_SPEED := 620.0
const BULLET_S := 1.2
const HIT_DISTANCE := 20.0

var is_playing := false
## By the player's key, see [method key_of]. The host's synchronizer sends them.
@export var scores := {}
# `[position, velocity, seconds left, id of the shooter]` each.
var _bullets: Array[Array] = []

@onready var _ships: Node2D = $Ships
@onready var _spawner: MultiplayerSpawner = $Spawner
@onready var _hud: Label = $Hud/Scores


func _ready() -> void:
	_spawner.spawn_function = _make_ship
	multiplayer.peer_connected.connect(_on_peer_connected)
	multiplayer.peer_disconnected.connect(_on_peer_disconnected)
	visible = false
	$Hud.visible = false


func begin() -> void:
	is_playing = true
	visible = true
	$Hud.visible = true
	if multiplayer.is_server():
		_spawn_all()


func end() -> void:
	is_playing = false
	visible = false
	$Hud.visible = false
	_bullets.clear()
	scores = {}
	for one in _ships.get_children():
		one.queue_free()


## For the host: the state that the next host begins with.
func snapshot() -> Dictionary:
	return scores


func host_changed(_id: int) -> void:
	if not is_playing or not multiplayer.is_server():
		return
	var inherited: Variant = Parley.inherited_snapshot()
	scores = inherited if inherited is Dictionary else {}
	for one in _ships.get_children():
		_ships.remove_child(one)
		one.queue_free()
	_spawn_all()


func ships() -> Array[Ship]:
	var out: Array[Ship] = []
	out.assign(_ships.get_children())
	return out


## This machine's ship, or null.
func own_ship() -> Ship:
	if not is_playing or not multiplayer.has_multiplayer_peer():
		return null
	return _ships.get_node_or_null(str(multiplayer.get_unique_id())) as Ship


@rpc("any_peer", "call_local", "unreliable")
func fire(from: Vector2, angle: float) -> void:
	if not is_playing or not from.is_finite() or not is_finite(angle):
		return
	_bullets.append([from, Vector2.from_angle(angle) * BULLET_SPEED, BULLET_S, multiplayer.get_remote_sender_id()])


@rpc("authority", "call_local", "reliable")
func hit(victim: int) -> void:
	var ship := _ships.get_node_or_null(str(victim)) as Ship
	if ship != null and ship.is_multiplayer_authority():
		ship.respawn()


## Survives a change of the host, which changes ids.
func key_of(id: int) -> String:
	var player := Parley.lobby.player(id) if Parley.lobby != null else null
	return player.peer_id if player != null else str(id)


func name_of(id: int) -> String:
	var player := Parley.lobby.player(id) if Parley.lobby != null else null
	return player.name.left(24) if player != null and player.name != "" else "Player %d" % (id % 1000)


func _physics_process(delta: float) -> void:
	# The lobby may end within this frame, before the browser says so.
	if not is_playing or not multiplayer.has_multiplayer_peer():
		return
	for bullet in _bullets:
		bullet[0] += bullet[1] * delta
		bullet[2] -= delta
		if multiplayer.is_server():
			_look_for_hit(bullet)
	_bullets = _bullets.filter(func(bullet: Array) -> bool: return bullet[2] > 0.0)
	_show_scores()
	queue_redraw()


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, SIZE), Color(0.05, 0.06, 0.1))
	for bullet in _bullets:
		draw_circle(bullet[0], 3.0, Color.WHITE)


func _look_for_hit(bullet: Array) -> void:
	for ship in ships():
		if ship.id == bullet[3] or ship.position.distance_to(bullet[0]) > HIT_DISTANCE:
			continue
		bullet[2] = 0.0
		var key := key_of(bullet[3])
		# Another dictionary, so that the synchronizer sees a change.
		scores = scores.merged({key: scores.get(key, 0) + 1}, true)
		hit.rpc(ship.id)
		return


func _show_scores() -> void:
	var lines := PackedStringArray()
	for ship in ships():
		var path: String = Parley.info(ship.id).get("path", "")
		lines.append("%s  %d  %s" % [name_of(ship.id), scores.get(key_of(ship.id), 0), path])
	_hud.text = "\n".join(lines)


func _spawn_all() -> void:
	_spawner.spawn(multiplayer.get_unique_id())
	for id in multiplayer.get_peers():
		_spawner.spawn(id)


func _on_peer_connected(id: int) -> void:
	if is_playing and multiplayer.is_server() and not _ships.has_node(str(id)):
		_spawner.spawn(id)


func _on_peer_disconnected(id: int) -> void:
	var ship := _ships.get_node_or_null(str(id))
	if ship != null and multiplayer.is_server():
		ship.queue_free()


func _make_ship(id: Variant) -> Node:
	var ship := preload("res://demo/ship.tscn").instantiate() as Ship
	ship.id = id
	ship.name = str(id)
	return ship
