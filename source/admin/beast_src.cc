// Beast's compiled parts, once for the whole program.
#include <boost/beast/src.hpp>
