class_name Ship
extends Node2D
## A ship. Its player's machine moves it, by keys, a gamepad or a bot.

const TURN := 4.0
const THRUST := 420.0
const DRAG := 0.8
const RELOAD_S := 0.25

var id := 1
## Radians a second, and a share of the thrust; set by what steers.
var turns := 0.0
var thrusts := 0.0
var fires := false
## Something else than the keys steers it.
var is_steered := false
var _velocity := Vector2.ZERO
var _reload := 0.0


func _enter_tree() -> void:
	set_multiplayer_authority(id)


func _ready() -> void:
	if is_multiplayer_authority():
		respawn()


func respawn() -> void:
	position = Vector2(randf_range(80, Arena.SIZE.x - 80), randf_range(80, Arena.SIZE.y - 80))
	rotation = randf_range(-PI, PI)
	_velocity = Vector2.ZERO


func _physics_process(delta: float) -> void:
	queue_redraw()
	if not multiplayer.has_multiplayer_peer() or not is_multiplayer_authority():
		return
	if not is_steered:
		turns = Input.get_axis("ui_left", "ui_right") * TURN
		thrusts = Input.get_action_strength("ui_up")
		fires = Input.is_action_pressed("ui_accept")
	rotation += clampf(turns, -TURN, TURN) * delta
	_velocity += Vector2.from_angle(rotation) * clampf(thrusts, 0.0, 1.0) * THRUST * delta
	_velocity *= exp(-DRAG * delta)
	position = (position + _velocity * delta).posmodv(Arena.SIZE)
	_reload -= delta
	if fires and _reload <= 0.0:
		_reload = RELOAD_S
		var arena := get_parent().get_parent() as Arena
		arena.fire.rpc(position + Vector2.from_angle(rotation) * 18.0, rotation)


func _draw() -> void:
	var colour := Color.from_hsv(absf(id * 0.137) - floorf(absf(id * 0.137)), 0.7, 1.0)
	draw_colored_polygon(PackedVector2Array([Vector2(18, 0), Vector2(-12, 11), Vector2(-6, 0), Vector2(-12, -11)]), colour)
	if multiplayer.has_multiplayer_peer() and is_multiplayer_authority():
		draw_arc(Vector2.ZERO, 24.0, 0.0, TAU, 32, Color(1, 1, 1, 0.3), 1.0)
