class_name ParleyReplayWindow
extends RefCounted
## Which counters of one key were received: each of the last 1,024 has a slot that holds the newest counter seen there.

const SIZE := 1024
const _HALF := 1 << 31
const _WRAP := 1 << 32

var _slots := PackedInt64Array()
var _highest := -1


func _init() -> void:
	_slots.resize(SIZE)
	_slots.fill(-1)


## The counter whose lower 32 bits these are: the one nearest to the next one.
func widen(low: int) -> int:
	var next := _highest + 1
	var guess := next - (next & (_WRAP - 1)) + low
	if guess > next + _HALF:
		return maxi(low, guess - _WRAP)
	return guess + _WRAP if guess < next - _HALF else guess


func is_new(counter: int) -> bool:
	if counter > _highest:
		return true
	return counter > _highest - SIZE and _slots[counter & (SIZE - 1)] != counter


## Only after the tag has proved the datagram: a forged one must not move the window.
func mark(counter: int) -> void:
	_highest = maxi(_highest, counter)
	_slots[counter & (SIZE - 1)] = counter
