class_name ParleyJob
extends RefCounted
## Something that [ParleyWorker] carries out beside the frames. What it finds may be read once [member is_done] is true.

## Set on the thread that polls the worker.
var is_done := false
## Nobody waits for the end any more. The job ends at its next step.
var is_cancelled := false


## One step, on the worker's thread; true after the last one.
func step() -> bool:
	return true
