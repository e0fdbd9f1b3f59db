#pragma once
// A whorl::Model that has text and no weights.
#include "text/model_text.h"
#include "whorl/model.h"

namespace whorl::test {

Model fake_model(text::ModelText text);

}  // namespace whorl::test
