// A shared library needs a source of its own; everything in libwhorl.so comes from the rooms.
