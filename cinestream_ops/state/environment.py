"""
Variables that decide which program runs, or what it loads before its own first line.

Whoever may write a `.env` must not thereby choose the code of what reads it.  Sources: ld.so(8) and
glibc's list of what a privileged program ignores, python(1), bash(1), perlrun(1), ruby(1), node(1),
git(1), java(1), openssl-env(7), systemd.exec(5).
"""

from __future__ import annotations

from typing import FrozenSet, Iterable, List

from cinestream_ops.state import paths

# Which a program of a site has from us.
SETTLED: FrozenSet[str] = frozenset({"PATH", "HOME", "PYTHONPATH"})
LOADER = """
LD_AUDIT LD_BIND_NOT LD_BIND_NOW LD_DEBUG LD_DEBUG_OUTPUT LD_DYNAMIC_WEAK LD_HWCAP_MASK
LD_LIBRARY_PATH LD_ORIGIN_PATH LD_PRELOAD LD_PROFILE LD_PROFILE_OUTPUT LD_SHOW_AUXV
LD_TRACE_LOADED_OBJECTS LD_USE_LOAD_BIAS LD_VERBOSE LD_WARN
GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH MALLOC_TRACE NLSPATH
"""
PYTHON = """
PYTHONBREAKPOINT PYTHONCASEOK PYTHONEXECUTABLE PYTHONHOME PYTHONINSPECT PYTHONPLATLIBDIR
PYTHONPYCACHEPREFIX PYTHONSTARTUP PYTHONUSERBASE
"""
SHELLS = "BASHOPTS BASH_ENV CDPATH IFS PROMPT_COMMAND PS4 SHELL SHELLOPTS"
OTHERS = """
PERL5DB PERL5LIB PERL5OPT PERLLIB RUBYLIB RUBYOPT GEM_HOME GEM_PATH BUNDLE_GEMFILE NODE_OPTIONS
NODE_PATH CLASSPATH JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS LUA_CPATH LUA_INIT LUA_PATH
OPENSSL_CONF OPENSSL_ENGINES OPENSSL_MODULES
BROWSER EDITOR PAGER VISUAL SSH_ASKPASS SUDO_ASKPASS
GIT_ASKPASS GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_PARAMETERS GIT_CONFIG_SYSTEM GIT_EDITOR
GIT_EXEC_PATH GIT_EXTERNAL_DIFF GIT_PAGER GIT_PROXY_COMMAND GIT_SEQUENCE_EDITOR GIT_SSH
GIT_SSH_COMMAND GIT_TEMPLATE_DIR
"""
# Those that nobody has from us; in a fixed order, for it is written into unit files.
STEERING = tuple(sorted(f"{LOADER} {PYTHON} {SHELLS} {OTHERS}".split()))
NAMES = SETTLED.union(STEERING)


def settled(home: str, source: str) -> List[str]:
    """What stands before a command whose other variables come out of a `.env`."""
    return ["/usr/bin/env", f"PATH={paths.PROGRAMS}", f"HOME={home}", f"PYTHONPATH={source}"]


def steers(name: str) -> bool:
    return name in NAMES or name.startswith("LD_")


def steering(names: Iterable[str]) -> List[str]:
    """Those of *names* that decide which program runs."""
    return sorted(filter(steers, names))
