with period as (
    select year
    from {{ ref('stg_reporting_period') }}
),

-- Years in which a unit had targets with counted values and met too few of its targets.
missed_targets as (
    select
        year,
        unit_code,
        targets_set,
        targets_met
    from {{ ref('fct_unit_year') }}
    where
        targets_counted > 0
        and 100 * targets_met < {{ var('watch_targets_met_percent') }} * targets_set

    union all

    select
        previous.year,
        previous.unit_code,
        previous.targets_set,
        previous.targets_met
    from {{ source('prior', 'fct_unit_year') }} as previous
    inner join period on previous.year = period.year - 1
    where
        previous.targets_counted > 0
        and 100 * previous.targets_met < {{ var('watch_targets_met_percent') }} * previous.targets_set
),

reasons as (
    select
        unit_code,
        'not_reported' as reason,
        '截至截止时间未提交年度绩效数据' as evidence
    from {{ ref('fct_unit_year') }}
    where not has_reported

    union all

    select
        this_year.unit_code,
        'targets_missed_two_years' as reason,
        concat_ws(
            '',
            cast(last_year.year as {{ type_text() }}),
            '年设定目标',
            cast(last_year.targets_set as {{ type_text() }}),
            '项，完成',
            cast(last_year.targets_met as {{ type_text() }}),
            '项；',
            cast(this_year.year as {{ type_text() }}),
            '年设定目标',
            cast(this_year.targets_set as {{ type_text() }}),
            '项，完成',
            cast(this_year.targets_met as {{ type_text() }}),
            '项，连续两年完成率低于{{ var("watch_targets_met_percent") }}%'
        ) as evidence
    from missed_targets as this_year
    inner join period on this_year.year = period.year
    inner join missed_targets as last_year
        on
            this_year.unit_code = last_year.unit_code
            and last_year.year = period.year - 1

    union all

    select
        unit_code,
        'assessment_failed' as reason,
        concat_ws(
            '',
            '省级年度考核等次为不合格',
            '，得分' || {{ plain_number('assessment_score') }} || '分'
        ) as evidence
    from {{ ref('fct_unit_year') }}
    where assessment_grade = 'fail'

    union all

    select
        review.unit_code,
        'warned' as reason,
        concat_ws(
            '',
            '已被警告',
            case
                when review.decided_on is not null
                    then concat_ws(
                        '',
                        '，决定日期',
                        cast(extract(year from review.decided_on) as {{ type_text() }}), '年',
                        cast(extract(month from review.decided_on) as {{ type_text() }}), '月',
                        cast(extract(day from review.decided_on) as {{ type_text() }}), '日'
                    )
                else ''
            end
        ) as evidence
    from {{ ref('stg_reviews') }} as review
    inner join {{ ref('int_documents') }} as document
        on review.document_key = document.document_key
    where
        document.document_type = 'review'
        and document.is_effective
        and review.stage = 'warning'
        and review.decision = 'approved'
)

select
    period.year,
    unit.unit_code,
    reasons.reason,
    unit.unit_name,
    unit.task_code,
    unit.province_code,
    unit.level,
    reasons.evidence
from reasons
inner join {{ ref('int_units') }} as unit on reasons.unit_code = unit.unit_code
cross join period
where unit.is_expected
