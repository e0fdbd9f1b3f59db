#include "text/fixtures.h"
