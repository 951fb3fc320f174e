class_name ParleyFrameBudget
extends RefCounted
## How long the addon takes for datagrams in one frame. What is left waits for the next frames, so that a burst lasts longer and
## holds no frame: what came waits in its socket, what is to leave in ENet's.
##
## Every player has a turn of [constant TURN_BYTES] each way in every frame in any case, which is more than play takes; bulk goes
## on in further turns while there is time. A late frame has longer turns, so that a slow game does not fall behind.

## Of a frame at 60 Hz: for what comes, then for messages, and then for what ENet sends. Each part may use what was left before.
const USEC := 2_400
const RECEIVING := 0.65
const MESSAGES := 0.75
const SENDING := 1.0
## The datagram with which a turn reaches so many bytes is its last one.
const TURN_BYTES := 512
## What a datagram costs beside its bytes.
const DATAGRAM_BYTES := 100
const FRAME_USEC := 16_667
const FRAMES_MAX := 16.0

## Bytes of a turn in this frame.
var turn_bytes := TURN_BYTES
var _usec := 0
var _began := 0
var _spent := 0
var _entered := 0
var _limit := 0
var _first := 0


## `usec`: for one frame; 0 leaves every player one turn.
func _init(usec := USEC) -> void:
	_usec = usec


## A frame begins.
func begin() -> void:
	var now := Time.get_ticks_usec()
	var since := now - _began if _began > 0 else 0
	_began = now
	_spent = 0
	_first += 1
	turn_bytes = int(TURN_BYTES * clampf(float(since) / FRAME_USEC, 1.0, FRAMES_MAX))


## A part of the frame's work begins, which may last until this share of the time is spent.
func enter(share: float) -> void:
	_limit = int(_usec * share)
	_entered = Time.get_ticks_usec()


## The part ends.
func leave() -> void:
	_spent += Time.get_ticks_usec() - _entered


func has_room() -> bool:
	return _spent + Time.get_ticks_usec() - _entered < _limit


## Gives a turn to each of these, and further turns while there is room. `turn` takes one of them and returns whether it has more to
## do. Another one is the first in each frame.
func give_turns(among: Array, turn: Callable) -> void:
	var busy := []
	for at in among.size():
		var one: Variant = among[(at + _first) % among.size()]
		if turn.call(one):
			busy.append(one)
	while not busy.is_empty() and has_room():
		var one: Variant = busy.pop_front()
		if turn.call(one):
			busy.append(one)
