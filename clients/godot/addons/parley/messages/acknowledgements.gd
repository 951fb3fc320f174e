class_name ParleyAcknowledgements
extends RefCounted
## Which datagrams of the peer have come, and when that is to be confirmed (RFC 9000 section 13.2).

const Limits := preload("message_limits.gd")
const Packets := preload("packets.gd")

## When the next confirmation is to leave.
var due := INF
var _heard := ParleyRanges.new()
# Below it everything counts as heard.
var _floor := 0
var _largest_heard_at := 0.0
var _owed := 0


func has(number: int) -> bool:
	return number < _floor or _heard.has(number)


func hasten(now: float) -> void:
	due = minf(due, now)


## A datagram came; `is_eliciting`: the peer wants to learn so.
func note(number: int, is_eliciting: bool, now: float) -> void:
	var largest := _heard.to[-1] if _heard.size() > 0 else 0
	_heard.add(number, number + 1)
	if _heard.size() > Limits.RANGES_MAX:
		_floor = _heard.keep(Limits.RANGES_MAX)
	if number >= largest:
		_largest_heard_at = now
	if not is_eliciting:
		return
	_owed += 1
	var is_due := _owed >= Limits.ACK_EVERY or number != largest
	hasten(now if is_due else now + Limits.ACK_DELAY_MS)


## Confirms in a datagram that leaves now, where there is something to confirm.
func write(out: Packets.Writer, now: float) -> void:
	if _heard.size() == 0 or (due > now and _owed == 0):
		return
	out.ack(_heard, now - _largest_heard_at)
	due = INF
	_owed = 0
