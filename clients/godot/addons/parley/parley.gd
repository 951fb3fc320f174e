extends ParleySession
## The `Parley` autoload: the session of this process. See [ParleySession] for its signals and methods.
