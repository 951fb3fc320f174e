class_name ParleyRanges
extends RefCounted
## A set of whole numbers as sorted half-open ranges: numbers of datagrams, bytes of a stream.

## Where each range begins and ends, ascending.
var from := PackedInt64Array()
var to := PackedInt64Array()


func size() -> int:
	return from.size()


## How many numbers there are.
func count() -> int:
	var sum := 0
	for at in from.size():
		sum += to[at] - from[at]
	return sum


func has(number: int) -> bool:
	var at := from.bsearch(number, false) - 1
	return at >= 0 and number < to[at]


func add(low: int, high: int) -> void:
	if low >= high:
		return
	var begin := from.bsearch(low, false)
	# A range that ends where this one begins is joined with it.
	if begin > 0 and to[begin - 1] >= low:
		begin -= 1
	var end := begin
	while end < from.size() and from[end] <= high:
		low = mini(low, from[end])
		high = maxi(high, to[end])
		end += 1
	_replace(begin, end, PackedInt64Array([low]), PackedInt64Array([high]))


func subtract(low: int, high: int) -> void:
	if low >= high or from.is_empty():
		return
	var begin := from.bsearch(low, false)
	if begin > 0 and to[begin - 1] > low:
		begin -= 1
	var rest_from := PackedInt64Array()
	var rest_to := PackedInt64Array()
	var end := begin
	while end < from.size() and from[end] < high:
		if from[end] < low:
			rest_from.append(from[end])
			rest_to.append(low)
		if to[end] > high:
			rest_from.append(high)
			rest_to.append(to[end])
		end += 1
	_replace(begin, end, rest_from, rest_to)


## Forgets the lowest ranges until so many are left. Returns where the lowest that is left begins.
func keep(ranges_max: int) -> int:
	if from.size() > ranges_max:
		from = from.slice(from.size() - ranges_max)
		to = to.slice(to.size() - ranges_max)
	return from[0] if from.size() > 0 else 0


func _replace(begin: int, end: int, new_from: PackedInt64Array, new_to: PackedInt64Array) -> void:
	for at in new_from.size():
		if begin + at < end:
			from[begin + at] = new_from[at]
			to[begin + at] = new_to[at]
		else:
			from.insert(begin + at, new_from[at])
			to.insert(begin + at, new_to[at])
	for spare in range(end - 1, begin + new_from.size() - 1, -1):
		from.remove_at(spare)
		to.remove_at(spare)
