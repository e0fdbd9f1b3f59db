# `whorl::whorl`: the shared library a C++ program links after find_package(whorl).
