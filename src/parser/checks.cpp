#include "parser/checks.hpp"
