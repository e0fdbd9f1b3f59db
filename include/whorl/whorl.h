#pragma once
// The whole front door.
#include <whorl/adapter.h>
#include <whorl/adapter_store.h>
#include <whorl/dataset.h>
#include <whorl/evaluate_task.h>
#include <whorl/evaluator.h>
#include <whorl/guardrail.h>
#include <whorl/inference_engine.h>
#include <whorl/metrics.h>
#include <whorl/model.h>
#include <whorl/pii.h>
#include <whorl/pipeline.h>
#include <whorl/statistics.h>
#include <whorl/trainer.h>
#include <whorl/types.h>
