"""
The worker: serves one WSGI application on one port until it is told to stop.

Self-contained, the standard library and cheroot alone, because it is also shipped by itself to run
applications that are not ours.  It may know nothing of an application but its name.

    python cinestream_worker --port N --wsgi package.module:app [--source DIR] [--env-file PATH]
                             [--check]

It reads `.env`, imports the application, takes the listening socket from systemd or binds
127.0.0.1:N, says `READY=1`, and serves.  On SIGTERM it finishes what it has begun, answers whoever
comes meanwhile, for at most half of `DRAIN_SECONDS`, and exits 0 once everything that it accepted
is answered; connections that it did not accept wait in systemd's socket for the next process.

On SIGHUP under systemd it starts a successor, the same command line with the same socket.  Once
that is ready, systemd is told `MAINPID=`, and the worker finishes what it has begun and leaves.  If
none comes, it serves on.  Its status text says how it stands.

An application that is `package.module:app` may have two companions in the same module (or as
attributes of the object): `cinestream_ready() -> (bool, str)` is asked by `/readyz`, and the text
of `cinestream_metrics() -> str` is added to `/metrics`.

Environment: `PORT`, `THREADS` (4), `LOG_LEVEL` (INFO), `DRAIN_SECONDS` (25), `SEND_SECONDS` (3600;
a client that takes nothing for so long is given up), `MAX_BODY_BYTES` (1 TiB), and what systemd
sets: `LISTEN_FDS`, `LISTEN_PID`, `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`,
`JOURNAL_STREAM`.
"""
