// A harness that cannot fail is worse than none: every planted fault must be flagged, and by the check of the
// op it sits in.
#include <gtest/gtest.h>

#include "ops/factories.h"
#include "ops/faulty_backends.h"
#include "ops/harness.h"

namespace whorl::ops {

namespace {
template <class Fault>
void expect_flagged(Check check) {
  // That the sound backend passes is backend_test's business.
  // The wider tolerances of rounded operands must not hide it either.
  for (const Setting& setting : {Setting{}, Setting{DType::bfloat16, true}}) {
    Fault faulty(make_cpu_backend(2, ""));
    Report with;
    check(faulty, setting, with);
    EXPECT_FALSE(with.ok()) << "the planted fault went unnoticed, weights " << name_of(setting.weights);
  }
}

TEST(PlantedFault, SwapsTwoAdapters) { expect_flagged<SwapsTwoAdapters>(check_linear); }
TEST(PlantedFault, SwapsTwoAdaptersInABatch) { expect_flagged<SwapsTwoAdapters>(check_segments_alone); }
TEST(PlantedFault, ForgetsLaterAdapters) { expect_flagged<ForgetsLaterAdapters>(check_segments_alone); }
TEST(PlantedFault, ForgetsAdaptersAtOnce) { expect_flagged<ForgetsLaterAdapters>(check_adapters_at_once); }
TEST(PlantedFault, ForgetsTheResidual) { expect_flagged<ForgetsTheResidual>(check_residual); }
TEST(PlantedFault, MultipliesWhatIsNotNormed) {
  expect_flagged<MultipliesWhatIsNotNormed>(check_norm_linears);
}
TEST(PlantedFault, ActivatesTheOtherSide) { expect_flagged<ActivatesTheOtherSide>(check_swiglu_linears); }
TEST(PlantedFault, TurnsTheFirstAlone) { expect_flagged<TurnsTheFirstAlone>(check_ropes); }
TEST(PlantedFault, ForgetsTheOutput) { expect_flagged<ForgetsTheOutput>(check_rope_attention_paged); }
TEST(PlantedFault, TurnsKeysTooLate) { expect_flagged<TurnsKeysTooLate>(check_rope_attention_paged); }
TEST(PlantedFault, KnowsItsNeighboursAdapters) {
  expect_flagged<KnowsItsNeighbours>(check_adapter_rows_alone);
}
TEST(PlantedFault, DropsOtherInputsOfGradients) {
  expect_flagged<DropsOtherInputsBackward>(check_adapter_gradients);
}
TEST(PlantedFault, ForgetsASegmentsLastRow) {
  expect_flagged<ForgetsASegmentsLastRow>(check_adapter_gradients);
}
TEST(PlantedFault, GradientsKnowTheirNeighbours) {
  expect_flagged<GradientsKnowTheirNeighbours>(check_adapter_gradients_alone);
}
TEST(PlantedFault, ScalesAGroupWrongly) { expect_flagged<ScalesAGroupWrongly>(check_quantised); }
TEST(PlantedFault, SwapsNibbles) { expect_flagged<MisreadsCodes<0>>(check_quantised_codes); }
TEST(PlantedFault, TakesTheNeighboursScale) { expect_flagged<MisreadsCodes<1>>(check_quantised_codes); }
TEST(PlantedFault, DropsMinima) { expect_flagged<MisreadsCodes<2>>(check_quantised_codes); }
TEST(PlantedFault, ReadsTheNextRow) { expect_flagged<ReadsTheNextRow>(check_quantised_codes); }
TEST(PlantedFault, UnpacksTheFirstRows) { expect_flagged<UnpacksTheFirstRows>(check_quantised_codes); }
TEST(PlantedFault, ReadsLateRowsOnAndOn) { expect_flagged<MisusesLateRows<0>>(check_late); }
TEST(PlantedFault, NeverLetsLateRowsGo) { expect_flagged<MisusesLateRows<1>>(check_late); }
TEST(PlantedFault, LetsLateRowsGoTwice) { expect_flagged<MisusesLateRows<2>>(check_late); }
TEST(PlantedFault, SpoilsParts) { expect_flagged<SpoilsParts>(check_parts); }
TEST(PlantedFault, RoundsNoRows) { expect_flagged<RoundsNoRows>(check_quantised); }
TEST(PlantedFault, KnowsItsNeighboursRounded) { expect_flagged<KnowsItsNeighbours>(check_quantised); }
TEST(PlantedFault, ForgetsTheBias) { expect_flagged<ForgetsTheBias>(check_linear); }
TEST(PlantedFault, DropsOtherInputsBackward) { expect_flagged<DropsOtherInputsBackward>(check_linear); }
TEST(PlantedFault, NeverAccumulates) { expect_flagged<NeverAccumulates>(check_linear); }
TEST(PlantedFault, ClearsParameterGradients) {
  expect_flagged<ClearsParameterGradients>(check_linear_weight_gradient);
}
TEST(PlantedFault, KnowsItsNeighbours) { expect_flagged<KnowsItsNeighbours>(check_rows_alone); }
TEST(PlantedFault, WritesPastTheEnd) { expect_flagged<WritesPastTheEnd>(check_linear); }
TEST(PlantedFault, SeesAcrossSequences) { expect_flagged<SeesAcrossSequences>(check_attention); }
TEST(PlantedFault, WindowTooWideByOne) { expect_flagged<WindowTooWideByOne>(check_attention); }
TEST(PlantedFault, DropsABlockOfKeys) { expect_flagged<DropsABlockOfKeys>(check_attention); }
TEST(PlantedFault, DropsABlockOfKeysWhole) { expect_flagged<DropsABlockOfKeys>(check_chunked_attention); }
TEST(PlantedFault, ForgetsThePast) { expect_flagged<ForgetsThePast>(check_attention_paged); }
TEST(PlantedFault, SwapsKeyAndValueGradients) { expect_flagged<SwapsKeyAndValueGradients>(check_attention); }
TEST(PlantedFault, TrainsMaskedRows) { expect_flagged<TrainsMaskedRows>(check_cross_entropy); }
TEST(PlantedFault, TakesTheLastOfATie) { expect_flagged<TakesTheLastOfATie>(check_draw); }
TEST(PlantedFault, DrawsTooFar) { expect_flagged<DrawsTooFar>(check_draw); }
TEST(PlantedFault, TurnsTheSameWayBack) { expect_flagged<TurnsTheSameWayBack>(check_rope); }
TEST(PlantedFault, OverwritesTheNormsGradient) { expect_flagged<OverwritesTheNormsGradient>(check_rms_norm); }
TEST(PlantedFault, ForgetsBiasCorrection) { expect_flagged<ForgetsBiasCorrection>(check_optimizer); }
TEST(PlantedFault, TakesTheNeighboursNorm) { expect_flagged<TakesTheNeighboursNorm>(check_clipped_adamw); }
TEST(PlantedFault, UpdatesBesideNan) { expect_flagged<UpdatesBesideNan>(check_clipped_adamw); }
TEST(PlantedFault, DecaysEverything) { expect_flagged<DecaysEverything>(check_clipped_adamw); }
TEST(PlantedFault, NeverClips) { expect_flagged<NeverClips>(check_clipped_adamw); }
TEST(PlantedFault, RepacksTheNeighbour) { expect_flagged<RepacksTheNeighbour>(check_repack_loras); }
TEST(PlantedFault, ForgetsLatePairs) { expect_flagged<ForgetsLatePairs>(check_repack_many); }
TEST(PlantedFault, HidesAnInfiniteLoss) { expect_flagged<HidesAnInfiniteLoss>(check_loss_not_finite); }
TEST(PlantedFault, RepacksNothing) { expect_flagged<RepacksNothing>(check_packing); }

}  // namespace
}  // namespace whorl::ops
