class_name ParleyWorker
extends RefCounted
## A thread for what would hold a frame: a TLS handshake takes up to 15 ms, and the JSON of a long list 6 ms. Its jobs take
## steps in turns until they are done; without a job the thread sleeps.

const STEP_MS := 2

var _thread: Thread = null
var _mutex := Mutex.new()
var _semaphore := Semaphore.new()
# These three are shared, under the mutex.
var _added: Array[ParleyJob] = []
var _done: Array[ParleyJob] = []
var _is_ending := false


## Returns at once.
func add(job: ParleyJob) -> void:
	_mutex.lock()
	_added.append(job)
	_mutex.unlock()
	if _thread == null:
		_thread = Thread.new()
		_thread.start(_run)
	_semaphore.post()


## Marks the jobs that have ended.
func poll() -> void:
	if _thread == null:
		return
	_mutex.lock()
	var done := _done
	_done = []
	_mutex.unlock()
	for job in done:
		job.is_done = true


## Ends the thread, with what it does. A job that is added later begins another one.
func close() -> void:
	if _thread == null:
		return
	_mutex.lock()
	_is_ending = true
	_mutex.unlock()
	_semaphore.post()
	_thread.wait_to_finish()
	_thread = null
	_is_ending = false
	_added.clear()
	_done.clear()


func _run() -> void:
	var jobs: Array[ParleyJob] = []
	while true:
		if jobs.is_empty():
			_semaphore.wait()
		else:
			OS.delay_msec(STEP_MS)
		_mutex.lock()
		jobs.append_array(_added)
		_added.clear()
		var is_ending := _is_ending
		_mutex.unlock()
		if is_ending:
			return
		jobs = _step(jobs)


func _step(jobs: Array[ParleyJob]) -> Array[ParleyJob]:
	var left: Array[ParleyJob] = []
	for job in jobs:
		if job.is_cancelled or job.step():
			_mutex.lock()
			_done.append(job)
			_mutex.unlock()
		else:
			left.append(job)
	return left
