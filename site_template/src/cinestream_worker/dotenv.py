"""
The `.env` of a site, read as every known reader of such files would read it.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path

from cinestream_worker.errors import StartError, sentence

# What systemd's EnvironmentFile= and python-dotenv read alike, and no more (systemd.exec(5),
# python-dotenv's parser). Nothing is ever expanded: `${X}` stays as it is written.
ENTRY = re.compile(
    r"""
    [ \t]* (?: \#[^\r\n]* )? (?:\n|\Z)                    # blank, or a comment
    | [ \t]* (?P<key>[A-Za-z_][A-Za-z0-9_]*) [ \t]*=[ \t]*
      (?: '(?P<single>[^'\\\r]*)'
        | "(?P<double>(?:[^"\\\r]|\\["\\])*)"
        | (?P<bare>[^'"\#\s\\](?:[^\\\r\n]*[^\\\s])?)? )
      [ \t]* (?:\n|\Z)
    """,
    re.VERBOSE,
)
QUOTING = (
    "a value with `#`, quotes or a backslash belongs in double quotes,"
    ' with a backslash before each `"` and `\\` in it'
)
# Who we are and whom we answer is settled by the process that started us, never by a file; nor
# does a file say which programs we start, and what they load.
NOT_FROM_FILE = re.compile(r"PORT|LISTEN_\w+|NOTIFY_SOCKET|WATCHDOG_\w+|JOURNAL_STREAM|LD_\w+")
STEERING = """
BASHOPTS BASH_ENV BROWSER BUNDLE_GEMFILE CDPATH CLASSPATH EDITOR GCONV_PATH GEM_HOME GEM_PATH
GETCONF_DIR GIT_ASKPASS GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_PARAMETERS GIT_CONFIG_SYSTEM
GIT_EDITOR GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_PAGER GIT_PROXY_COMMAND GIT_SEQUENCE_EDITOR GIT_SSH
GIT_SSH_COMMAND GIT_TEMPLATE_DIR GLIBC_TUNABLES HOME IFS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS
LOCPATH LUA_CPATH LUA_INIT LUA_PATH MALLOC_TRACE NLSPATH NODE_OPTIONS NODE_PATH OPENSSL_CONF
OPENSSL_ENGINES OPENSSL_MODULES PAGER PATH PERL5DB PERL5LIB PERL5OPT PERLLIB PROMPT_COMMAND PS4
PYTHONBREAKPOINT PYTHONCASEOK PYTHONEXECUTABLE PYTHONHOME PYTHONINSPECT PYTHONPATH
PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHONSTARTUP PYTHONUSERBASE RUBYLIB RUBYOPT SHELL SHELLOPTS
SSH_ASKPASS SUDO_ASKPASS VISUAL _JAVA_OPTIONS
"""


def dotenv(text: str) -> dict[str, str]:
    """
    The variables that *text* sets, the last of a name winning.

    Raises `StartError` with the number of the first line that the known readers of such files would
    not read alike. The message never quotes the line: it may hold a secret.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        entry = ENTRY.match(text, position)
        if entry is None or (entry["bare"] and re.search(r"\s#", entry["bare"])):
            line = text.count("\n", 0, position) + 1
            raise StartError(f"`.env` line {line} is not a plain KEY=VALUE; {QUOTING}")
        if entry["key"]:
            found[entry["key"]] = _value(entry)
        position = entry.end()
    return found


def _value(entry: re.Match[str]) -> str:
    if entry["double"] is not None:
        return re.sub(r'\\(["\\])', r"\1", entry["double"])
    return entry["single"] or entry["bare"] or ""


def load_env(path: Path, environ: MutableMapping[str, str], *, required: bool) -> None:
    """Set in *environ* what the file says.  The file wins: it is what the owner edits and sees."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise StartError(f"there is no file `{path}`") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"`{path}` cannot be read: {sentence(error)}") from None
    entries = dotenv(text)
    environ.update({key: value for key, value in entries.items() if is_from_file(key)})


def is_from_file(key: str) -> bool:
    return not NOT_FROM_FILE.fullmatch(key) and key not in STEERING.split()
