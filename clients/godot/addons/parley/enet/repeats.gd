class_name ParleyEnetRepeats
extends RefCounted
## Tells which retransmissions of ENet are spurious. Of a burst it hands over up to 64 KiB at once, which leave over many frames, and
## what is not confirmed soon it repeats, although it still waits here. Such repeats would fill several frames more.

const FRAGMENT_COMMAND := 8
const SENT_TIME_AT := 2
const COMMAND_AT := 4
## Of the first byte: the datagram has the time of ENet's clock, 16 bits of milliseconds, at which it was handed over.
const HAS_SENT_TIME := 0x80

# By the first command: when it left.
var _left_at := {}
# Milliseconds from the session's clock to ENet's; below 0 while unknown.
var _clock := -1


## A datagram that was handed over at this moment.
func set_clock(payload: PackedByteArray, now: float) -> void:
	if payload.size() > COMMAND_AT and (payload[0] & HAS_SENT_TIME) != 0:
		_clock = (_sent_time(payload) - int(now)) & 0xFFFF


## Nothing waits any more.
func clear() -> void:
	_left_at.clear()


## Whether this full datagram, which is to leave now, was handed over before the one that it repeats could be confirmed.
func is_spurious(payload: PackedByteArray, rtt_ms: float, now: float) -> bool:
	if _clock < 0 or (payload[0] & HAS_SENT_TIME) == 0 or (payload[COMMAND_AT] & 0x0F) != FRAGMENT_COMMAND:
		return false
	var waited := (int(now) + _clock - _sent_time(payload)) & 0xFFFF
	# The two clocks are read a few milliseconds apart.
	if waited > 0x7FFF:
		waited = 0
	var command := payload.decode_u32(COMMAND_AT)
	if now - waited < _left_at.get(command, -INF) + maxf(rtt_ms, 0.0):
		return true
	_left_at[command] = now
	return false


static func _sent_time(payload: PackedByteArray) -> int:
	return (payload[SENT_TIME_AT] << 8) | payload[SENT_TIME_AT + 1]
