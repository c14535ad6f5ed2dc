"""
What starts the agent on the other side: the little that is not sent over the wire.
"""

from __future__ import annotations

# Reads the first bundle, which is a program, and starts what it serves; its argument is the home.
STUB = """\
import bz2, gc, sys
gc.set_threshold(100000)
inbox = sys.stdin.buffer
BUNDLES = [inbox.read(int(inbox.readline()))]
exec(bz2.decompress(BUNDLES[0]))
from cinestream_ops.agent import main
main.serve(inbox, sys.argv[1])
"""

# Modules are compiled when they are first imported: nobody waits for what is not used.  They have
# the names, and the line numbers, that they have at home, so that a traceback reads the same.
LOADER = """
class Bundled:
    def find_spec(name, path=None, target=None):
        if name in SOURCES:
            package = not SOURCES[name]
            return type(sys.__spec__)(name, Bundled, origin=f"<agent>/{name}", is_package=package)
    def create_module(spec):
        return None
    def exec_module(module):
        name = module.__name__
        module.BUNDLES, module.learn = BUNDLES, learn
        exec(compile(SOURCES[name], f"<agent>/{name}", "exec", 0, True), module.__dict__)
    def get_source(name):
        return SOURCES[name]
def learn(bundle):
    BUNDLES.append(bundle)
    exec(bz2.decompress(bundle), globals())
sys.meta_path.insert(0, Bundled)
"""
